"""What the commands print: tables for people, JSON for scripts."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from lazytrain.presets.plain_text import UNSAFE, harmless
from lazytrain.tui.plain.console import PlainConsole

_UNSAFE_JSON = re.compile(f"(?!\n){UNSAFE.pattern}")
GAP = "  "
"""Between two columns."""
MIN_CUT = 8
"""A column is not cut below this many characters, however narrow the window."""


def make_console(stream: TextIO | None = None) -> Console:
    """A console on `stream` (default: stdout) that changes nothing in what it is given."""
    return PlainConsole(stream or sys.stdout)


def print_json(value: Any, stream: TextIO | None = None) -> None:
    """JSON for scripts: NaN and infinities become null; what a terminal would obey, or can't be encoded, is escaped."""
    out: TextIO = stream or sys.stdout
    unicode = (getattr(out, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
    text = json.dumps(_finite(value), indent=2, ensure_ascii=not unicode, allow_nan=False)
    # Line ends and blanks between the values stay; within them, JSON has escaped these already.
    text = _UNSAFE_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    out.write(text + "\n")


def print_table(console: Console, heads: Sequence[str], rows: Sequence[Sequence[str | Text]]) -> None:
    """A table without lines. In a terminal it is cut to the window, anywhere else it is never cut.

    A head that starts with `>` has its column aligned right; the column whose head starts with `+` is the one to cut.
    """
    names = [head.lstrip(">+") for head in heads]
    rows = [[cell if isinstance(cell, Text) else harmless(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(names, *rows, strict=True)]
    if console.is_terminal:
        missing = max(0, sum(widths) + len(GAP) * (len(widths) - 1) - console.width)
        widths = [
            max(MIN_CUT, width - missing) if head.startswith("+") else width
            for head, width in zip(heads, widths, strict=True)
        ]
    for number, row in enumerate((names, *rows)):
        line = Text(style="bold" if number == 0 else "")
        for head, cell, width in zip(heads, row, widths, strict=True):
            text = cell.copy() if isinstance(cell, Text) else Text(cell)
            text.truncate(width, overflow="ellipsis")
            text.align("right" if head.startswith(">") else "left", width)
            line.append_text(text).append(GAP)
        line.rstrip()
        console.print(line, soft_wrap=True)


def _width(cell: str | Text) -> int:
    return cell.cell_len if isinstance(cell, Text) else cell_len(cell)


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case _:
            return value
