"""Runs of cells as the shortest escape sequences that write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

FEW = 100
"""Up to so many runs are tried in two orders."""
RESET = "\x1b[m"

_COLOUR = re.compile(
    r"(?:^|;)(?:(?P<fore>3[0-7]|9[0-7]|39|38;(?:5;\d+|2;\d+;\d+;\d+))|"
    r"(?P<back>4[0-7]|10[0-7]|49|48;(?:5;\d+|2;\d+;\d+;\d+)))(?=;|$)"
)


@dataclass(slots=True)
class CellRun:
    """Text of one look (SGR codes) in line `y`, columns `x` to before `end`."""

    y: int
    x: int
    end: int
    text: str
    look: str
    certain: bool
    """Whether every terminal agrees on where it ends."""


class CellLook(NamedTuple):
    attributes: str
    fore: str
    back: str


_PLAIN = CellLook("", "39", "49")


def encode(runs: Sequence[CellRun]) -> str:
    """Write the runs and leave the terminal's look plain; it is taken to be plain before."""
    if not runs:
        return ""
    written = _write(runs)
    if 1 < len(runs) <= FEW:
        # Far jumps are sometimes cheaper than many changes of colour.
        written = min(written, _write(sorted(runs, key=_by_look)), key=_num_bytes)
    return written


def _by_look(run: CellRun) -> tuple[CellLook, int, int]:
    return _parse(run.look), run.y, run.x


def _num_bytes(text: str) -> int:
    return len(text.encode())


def _write(runs: Sequence[CellRun]) -> str:
    parts: list[str] = []
    look, line, column = _PLAIN, -1, -1
    for run in runs:
        parts.append(_move(run, column if run.y == line else -1))
        wanted = _parse(run.look)
        if wanted != look:
            parts.append(f"\x1b[{_transition(look, wanted)}m")
            look = wanted
        parts.append(run.text)
        line, column = run.y, run.end if run.certain else -1
    if look != _PLAIN:
        parts.append(RESET)
    return "".join(parts)


def _move(run: CellRun, column: int) -> str:
    """From `column` of the same line (-1 if the cursor is elsewhere) to where a run begins."""
    if column == run.x:
        return ""
    to = f"\x1b[{run.y + 1};{run.x + 1}H"
    if 0 <= column < run.x:
        steps = run.x - column
        return min(f"\x1b[{steps if steps > 1 else ''}C", to, key=len)
    return to


def _transition(now: CellLook, wanted: CellLook) -> str:
    """SGR codes from one look to another."""
    codes: list[str] = []
    if wanted.attributes != now.attributes:
        if now.attributes:
            codes.append("0")
            now = _PLAIN
        if wanted.attributes:
            codes.append(wanted.attributes)
    if wanted.fore != now.fore:
        codes.append(wanted.fore)
    if wanted.back != now.back:
        codes.append(wanted.back)
    return ";".join(codes)


@lru_cache(maxsize=1024)
def _parse(codes: str) -> CellLook:
    """Split SGR codes into attributes and the two colours; what comes last counts."""
    fore, back = _PLAIN.fore, _PLAIN.back
    for match in _COLOUR.finditer(codes):
        fore, back = match["fore"] or fore, match["back"] or back
    return CellLook(_COLOUR.sub("", codes).strip(";"), fore, back)
