"""Which metrics of the marked runs can be laid over each other, given what a person wants to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lazytrain.engine.analysis.comparison import Compared

METRICS = ("both", "accuracy", "loss")
"""What is wanted, where it isn't the title of another metric."""


@dataclass(frozen=True, slots=True)
class CompareChoice:
    """Of `members`, the marked runs, what there is of the metric that is `wanted`."""

    members: Sequence[Compared]
    wanted: str

    @property
    def metric(self) -> str:
        """The title of the metric that is drawn, where it is neither loss nor accuracy."""
        if self.wanted not in METRICS:
            return self.wanted if self._any_has(self.wanted) else ""
        if not self.members or self.names:
            return ""
        # Runs with neither: the first metric of which somebody knows which way is better.
        groups = [group for member in self.members for group in member.groups]
        return next((group.title for group in (*(each for each in groups if each.goal), *groups)), "")

    @property
    def names(self) -> tuple[str, ...]:
        """Of accuracy and loss, what the marked runs have and can be laid over each other."""
        if self.wanted not in METRICS and self._any_has(self.wanted):
            return ("metric",)
        names = tuple(
            name
            for name in ("accuracy", "loss")
            if not self.members
            or any(member.configuration is not None or member.group(name) for member in self.members)
        )
        return ("accuracy",) if len(self.loss_kinds) > 1 else names

    @property
    def loss_kinds(self) -> tuple[str, ...]:
        """What their losses are; those of several kinds don't compare."""
        from lazytrain.engine.analysis.comparison import loss_kinds  # imported with the first comparison

        return loss_kinds(member.configuration for member in self.members)

    @property
    def are_own(self) -> bool:
        """Whether lazytrain trains them all: of programs' runs nobody knows epochs."""
        return all(member.configuration is not None for member in self.members)

    def lacks(self, member: Compared) -> bool:
        """Whether there is nothing of a run in these charts, whatever it has logged."""
        if metric := self.metric:
            return member.group(metric) is None
        names = self.names
        return bool(names) and member.configuration is None and not any(member.group(name) for name in names)

    def describe(self, unreadable: Sequence[str]) -> str:
        """What has to be said of them in a few words; `unreadable` are marked runs of which nothing is known."""
        kinds = self.loss_kinds
        lacking = [member.run.shown_name for member in self.members if self.lacks(member)]
        if unreadable:
            return f"the settings of {', '.join(unreadable)} can't be read: i says why"
        if lacking:
            what = self.metric or " nor ".join(self.names)
            who = f"{lacking[0]} has" if len(lacking) == 1 else f"{len(lacking)} of these have"
            return f"{who} no {what}: v chooses another metric"
        if not self.members:
            return "space marks a run, M all that are listed; / finds some, such as a study's"
        if len(kinds) > 1:
            return f"losses of different kinds ({', '.join(kinds)}) don't compare: accuracy only"
        return ""

    def _any_has(self, title: str) -> bool:
        return any(member.group(title) for member in self.members)
