"""What Compare offers to choose from: any metric of the marked runs, and further columns of its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lazytrain.engine.analysis.comparison import Compared

Options = list[tuple[str, str]]
"""(what is chosen, what is said beside it)."""


def metric_options(members: Sequence[Compared]) -> Options:
    """Titles of the metrics that one of them has, and how many have it where not all do."""
    counts: dict[str, int] = {}
    for member in members:
        own = ("accuracy", "loss") if member.configuration is not None else ()
        for title in dict.fromkeys([*own, *(group.title for group in member.groups)]):
            counts[title] = counts.get(title, 0) + 1
    total = len(members)
    return [(title, "" if count == total else f"{count} of {total} runs") for title, count in counts.items()]


def column_options(members: Sequence[Compared], chosen: Sequence[str]) -> Options:
    """Figures of their metrics, and their settings; what is `chosen` though none of these has it stands first."""
    from lazytrain.engine.analysis.comparison import settings_of

    goals = {group.title: group.goal for member in members for group in member.groups}
    titles = {name: group.title for member in members for group in member.groups for _, name in group.members}
    options = [
        (f"{figure} {name}", "")
        for name, title in titles.items()
        for figure in (("best", "last") if goals[title] else ("last", "lowest", "highest"))
    ]
    settings = dict.fromkeys(name for member in members for name in settings_of(member))
    options += [(name, "setting") for name in settings if name not in ("net", "architecture")]
    known = {name for name, _ in options}
    return [*((name, "") for name in chosen if name not in known), *options]
