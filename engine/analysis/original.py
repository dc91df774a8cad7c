"""The original report's word on an experiment, from the presets, and whether what was measured here agrees with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.presets import Catalogue, Hyperparameters

if TYPE_CHECKING:
    from lazytrain.engine.export.written_report import Setting

AGREEMENT = 0.03
"""Test accuracies no further apart than this agree: the original report's are rounded, and of one run each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """What the original report says of a setting."""

    train_accuracy: float | None = None
    test_accuracy: float | None = None
    minutes: float | None = None
    epochs: int
    """That its figures are after."""
    words: str = ""


def original_of(configuration: RunConfiguration, catalogue: Catalogue) -> Original | None:
    """What it says of this net with these settings, whatever the seed and the number of epochs."""
    values = configuration.hyperparameters
    plain = Hyperparameters(epochs=values.epochs)
    if values.model_copy(update={"seed": 0, "threads": 1}) == plain:
        report = configuration.architecture.report
        if report is None:
            return None
        return Original(
            train_accuracy=report.train_accuracy,
            test_accuracy=report.test_accuracy,
            minutes=report.minutes,
            epochs=Hyperparameters().epochs,
            words=report.words,
        )
    preset = catalogue.hyperparameters.get(configuration.hyperparameters_name)
    if preset is None or preset.value is None or not preset.value.report:
        return None
    meant = preset.value.values
    if values.model_copy(update={"seed": meant.seed, "threads": meant.threads, "epochs": meant.epochs}) != meant:
        return None
    return Original(epochs=meant.epochs, words=preset.value.report)


def verdict(setting: Setting) -> str:
    """Whether what was measured agrees with the original report, in a few words; nothing where that can't be said."""
    original = setting.original
    if original is None:
        return ""
    if "NaN" in original.words:
        if setting.diverged:
            return "agrees: the loss became NaN or infinite here too"
        return "differs: no NaN here" if setting.scored else ""
    if not setting.scored or setting.last_test is None:
        return ""
    if "crashed" in original.words:
        return "trains here"
    if original.test_accuracy is None:
        return "in words only"
    difference = setting.last_test.mean - original.test_accuracy
    points = f"{100 * difference:+.1f} points".replace("-", "−")
    trained = max(each.run.epoch for each in setting.scored)
    if trained != original.epochs:
        return f"{points}, after {trained} epoch{'' if trained == 1 else 's'} instead of {original.epochs}"
    return f"agrees ({points})" if abs(difference) <= AGREEMENT else f"differs ({points})"
