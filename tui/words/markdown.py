"""Pieces of Markdown: tables, and words that mean nothing in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from lazytrain.tui.words.text import format_setting


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; a column whose head starts with `>` is aligned right. Padded, so that it reads well as text, too."""
    names = [head.lstrip(">") for head in heads]
    widths = [max(3, *(len(row[place]) for row in (names, *rows))) for place in range(len(heads))]
    right = [head.startswith(">") for head in heads]

    def line(cells: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(cells, widths, right, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = "|".join(
        f"{'-' * (width + 1)}:" if to_right else "-" * (width + 2)
        for width, to_right in zip(widths, right, strict=True)
    )
    return "\n".join([line(names), f"|{rule}|", *map(line, rows)])


def plain(text: str) -> str:
    """A person's words as plain text: nothing in them is Markdown."""
    # An underscore inside a word means nothing in Markdown.
    escaped = re.sub(r"[\\`*\[\]<>|#~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\\g<0>", text)
    return " ".join(escaped.split())


def field_name(name: str) -> str:
    """`augmentation.flip_x` as people say it: `augmentation: flip x`."""
    return name.replace("_", " ").replace(".", ": ")


def setting_text(value: Any) -> str:
    """A hyperparameter's value as plain text."""
    return plain(format_setting(value))
