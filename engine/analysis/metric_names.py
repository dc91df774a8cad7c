"""What a metric's name and its program say of it: which share a chart, which way is better, along what it is drawn.

Needs no numpy: filters and tables ask it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

from lazytrain.engine.records import GOALS

Goal = Literal["min", "max"]
SPLITS = ("train", "val", "test")
_SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "eval": "val",
    "test": "test",
}
_ANY_SPLIT = "|".join(sorted(_SPLIT_WORDS, key=len, reverse=True))
_PREFIX = re.compile(rf"({_ANY_SPLIT})[/_.](.+)")
_SUFFIX = re.compile(rf"(.+)[/_.]({_ANY_SPLIT})")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_DOWN = frozenset(
    (
        *("loss", "losses", "error", "errors", "err", "perplexity", "ppl", "mse", "mae", "rmse", "mape", "nll"),
        *("bce", "ce", "wer", "cer", "fid", "kid", "brier", "ece", "lpips"),
    )
)
_UP = frozenset(
    (
        *("acc", "accuracy", "bleu", "rouge", "meteor", "f", "auc", "auroc", "auprc", "roc", "precision", "recall"),
        *("map", "iou", "miou", "dice", "score", "reward", "return", "psnr", "ssim", "ndcg", "mrr", "kappa", "mcc"),
        *("spearman", "pearson", "top"),
    )
)


ACCURACIES = ("accuracy", "acc")
"""How the share that is right is called."""
MOST_FRACTION = 1.5
"""An accuracy that was above is meant in %."""


@dataclass(frozen=True, slots=True)
class MetricRules:
    """What the program of a run has said of its metrics: by name, or by a pattern such as `val/*`.

    A name itself counts before patterns, and of patterns the one said last. What is said of `loss` is said of
    `train/loss` and `val_loss` too.
    """

    told: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> MetricRules:
        """From what the store keeps of a run beside its series; what can't be understood of it is left out."""
        told = details.get("metrics")
        return cls(
            {name: each for name, each in told.items() if isinstance(each, Mapping)}
            if isinstance(told, Mapping)
            else {}
        )

    def goal(self, name: str) -> Goal | None:
        """Which way is better: as said, or as the name tells; None where nobody knows."""
        return self.said_goal(name) or guess_goal(name)

    def said_goal(self, name: str) -> Goal | None:
        """Which way is better, where that was said."""
        return GOALS.get(str(self._find(name, "goal") or "").lower())

    def step_metric(self, name: str) -> str:
        """The metric along which it is drawn; empty: its steps."""
        found = str(self._find(name, "step_metric") or "")
        return found if found != name else ""

    def summary(self, name: str) -> str:
        """The figure that stands for it: `min`, `max`, `mean`, `none` or `last`."""
        found = str(self._find(name, "summary") or "last").lower()
        return self.goal(name) or "last" if found == "best" else found

    def _find(self, name: str, key: str) -> Any:
        if not self.told:
            return None
        figure = split_name(name)[1]
        for known in (name, figure):
            if key in self.told.get(known, {}):
                return self.told[known][key]
        fitting = (each for pattern, each in self.told.items() if key in each and fnmatchcase(name, pattern))
        return next(reversed([each[key] for each in fitting]), None)


NO_RULES = MetricRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricGroup:
    """The metrics of one chart: the same figure on several parts of the data."""

    title: str
    members: tuple[tuple[str, str], ...]
    """(part: `train`, `val`, `test` or ``, name of the metric)."""
    goal: Goal | None = None
    """Which way is better, as far as that is known."""
    said: bool = False
    """Whether the goal was said, and isn't a guess."""
    axis: str = ""
    """The metric along which it is drawn; empty: the steps."""

    def member(self, *parts: str) -> str | None:
        """The name of the first of these parts that there is."""
        names = dict(self.members)
        return next((names[part] for part in parts if part in names), None)

    @property
    def judged(self) -> str:
        """The metric whose best value counts: of the validation, else of the test, else the only one."""
        return self.member("val", "test", "") or self.members[0][1]


def group_metrics(names: Sequence[str], rules: MetricRules = NO_RULES) -> list[MetricGroup]:
    """Which metrics share a chart, in the order in which they first came.

    `train/x`, `val/x` and `test/x` do, and so do `x`, `val_x` and `eval_x`, as Lightning, Keras and Transformers name
    them. Those that are drawn along different metrics don't.
    """
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name in names:
        part, rest = split_name(name)
        groups.setdefault((rest, rules.step_metric(name)), []).append((part, name))
    titles = [title for title, _ in groups]
    made: list[MetricGroup] = []
    for (title, axis), members in groups.items():
        parts = [part for part, _ in members]
        # Beside val_x, plain x is of the training.
        told = [("train" if not part and set(parts) > {""} else part, name) for part, name in members]
        order = {part: place for place, part in enumerate((*SPLITS, ""))}
        said: Goal | None = next((goal for _, name in told if (goal := rules.said_goal(name))), None)
        made.append(
            MetricGroup(
                title=f"{title} by {axis}" if titles.count(title) > 1 and axis else title,
                members=tuple(sorted(told, key=lambda each: order[each[0]])),
                goal=said or guess_goal(title),
                said=said is not None,
                axis=axis,
            )
        )
    return made


def accuracies_in(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the metrics that are the share of what is right: of the validation first, of the training last."""
    order = {part: place for place, part in enumerate(("val", "test", "", "train"))}
    found = [name for name in names if split_name(name)[1] in ACCURACIES]
    return tuple(sorted(found, key=lambda name: order[split_name(name)[0]]))


def accuracy_share(largest: float | None) -> float:
    """What makes a fraction of an accuracy's values: some programs log them in %."""
    return 0.01 if largest is not None and largest > MOST_FRACTION else 1.0


def split_name(name: str) -> tuple[str, str]:
    """(part of the data or ``, figure): `val_loss` → (`val`, `loss`)."""
    if found := _PREFIX.fullmatch(name):
        return _SPLIT_WORDS[found[1]], found[2]
    if found := _SUFFIX.fullmatch(name):
        return _SPLIT_WORDS[found[2]], found[1]
    return "", name


def guess_goal(name: str) -> Goal | None:
    """Which way is better, as the last word tells that tells anything: losses and errors down, accuracies up."""
    for word in reversed([each.lower() for each in _WORD.findall(name)]):
        if word in _DOWN or word.endswith(("loss", "error")):
            return "min"
        if word in _UP or word.endswith("accuracy"):
            return "max"
    return None
