"""The named series that every training here has: norms, and what the confusion matrix of each evaluation tells."""

from __future__ import annotations

from collections.abc import Sequence

from lazytrain.engine.confusion import Confusion
from lazytrain.engine.events import Norms
from lazytrain.engine.store.series import EVALUATED, LONGEST_NAME, Sample
from lazytrain.presets.plain_text import harmless

GRADIENT_NORM, WEIGHT_NORM, MACRO_F1 = "gradient norm", "weight norm", f"{EVALUATED}macro F1"
CLASS_ACCURACY = f"{EVALUATED}class accuracy/"

Series = dict[str, list[Sample]]


def norm_series(norms: Sequence[Norms]) -> Series:
    """Name → samples, as far as there are any."""
    series: Series = {
        GRADIENT_NORM: [Sample(step, seconds, value) for step, seconds, value, _ in norms if value is not None],
        WEIGHT_NORM: [Sample(step, seconds, value) for step, seconds, _, value in norms],
    }
    return {name: samples for name, samples in series.items() if samples}


def class_series(confusion: Confusion | None, step: int, seconds: float) -> Series:
    """Name → its value after an evaluation: macro F1, and the accuracy on each class that has images."""
    if confusion is None or confusion.macro_f1 is None:
        return {}
    series: Series = {MACRO_F1: [Sample(step, seconds, confusion.macro_f1)]}
    for number, (name, accuracy) in enumerate(zip(confusion.classes, confusion.class_accuracies, strict=True)):
        if accuracy is not None:
            key = _name(name)
            # Names that differ only in what can't be kept of them have their class's number.
            series[f"{key} ({number})" if key in series else key] = [Sample(step, seconds, accuracy)]
    return series


def _name(class_name: str) -> str:
    text = "".join(each for each in harmless(class_name) if each.isprintable())
    return f"{CLASS_ACCURACY}{text[: LONGEST_NAME - len(CLASS_ACCURACY) - 8]}"
