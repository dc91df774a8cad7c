"""Where a line differs from what it was."""

from __future__ import annotations

from collections.abc import Sequence
from operator import ne


def changed_span(*layers: tuple[Sequence[object], Sequence[object]]) -> tuple[int, int] | None:
    """The first place that differs and the one after the last, None if all are the same.

    Args:
        layers: what is at each place now and was before, such as its characters and its looks; all of one length.
    """
    spans: list[tuple[int, int]] = []
    for now, before in layers:
        if now != before:
            differs = list(map(ne, now, before))
            spans.append((differs.index(True), len(differs) - differs[::-1].index(True)))
    return (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None
