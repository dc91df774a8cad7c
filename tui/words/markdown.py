"""Pieces of Markdown: tables, and words that mean nothing in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from lazytrain.presets.plain_text import harmless

_MARKS = re.compile(
    r"[\\`*\[\]<>|#~&$]"  # between $ and $, GitHub and others set formulas
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # inside a word it means nothing
    r"|:(?=[a-z+-][\w+-]*:)"  # :tada:
    r"|^[-+](?= )|(?<=^\d)[.)](?= )"  # where words begin a line: a list in a list
)


def plain(text: str) -> str:
    """A person's words as plain text, on one line: nothing in them is Markdown."""
    return harmless(_MARKS.sub(r"\\\g<0>", re.sub(r"\s+", " ", text)))


def table(text: str) -> str:
    """A table, padded, so that it reads well as text, too.

    Args:
        text: its cells, each after a `|`; `|-` begins a row. In the first one, `|>` stands before the head of a column
            that is aligned right.
    """
    rows: list[list[str]] = []
    for cell in re.findall(r"\|((?:\\.|[^|\\])*)", text):
        if cell.rstrip() == "-":
            rows.append([])
        else:
            rows[-1:] = [[*(rows[-1] if rows else ()), cell.strip()]]
    if not rows:
        return ""
    right = [head.startswith(">") for head in rows[0]]
    rows[0] = [head.removeprefix(">").strip() for head in rows[0]]
    columns = list(zip_longest(*rows, fillvalue=""))[: len(right)]
    widths = [max(3, *map(len, column)) for column in columns]

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
    heads, *others = map(line, zip(*columns, strict=True))
    return "\n".join([heads, f"|{rule}|", *others]) + "\n"
