"""The original report's word on an experiment, from the presets, and whether what was measured here agrees with it."""

from __future__ import annotations

from dataclasses import dataclass

from lazytrain.engine.configuration import RunConfiguration
from lazytrain.presets import Catalogue, Hyperparameters

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

    def verdict(self, test_accuracy: float | None, epochs: int, *, diverged: bool) -> str:
        """Whether what was measured here agrees with it, in a few words; nothing where that can't be said.

        Args:
            test_accuracy: after the last epoch, as a fraction; None where no epoch was finished.
            epochs: trained here.
            diverged: whether a run ended because its loss was no number any more.
        """
        if "NaN" in self.words:
            if diverged:
                return "agrees: the loss became NaN or infinite here too"
            return "differs: no NaN here" if epochs else ""
        if test_accuracy is None:
            return ""
        if "crashed" in self.words:
            return "trains here"
        if self.test_accuracy is None:
            return "in words only"
        difference = test_accuracy - self.test_accuracy
        points = f"{100 * difference:+.1f} points".replace("-", "−")
        if epochs != self.epochs:
            return f"{points}, after {epochs} epoch{'' if epochs == 1 else 's'} instead of {self.epochs}"
        return f"agrees ({points})" if abs(difference) <= AGREEMENT else f"differs ({points})"


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
