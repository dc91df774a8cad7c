"""What a run's log says of a training that nothing disturbs: its data, its start, its epochs.

Epochs and saves are thinned to at most `MOST_LINES` of each, evenly over the run, however long it is.
"""

from __future__ import annotations

from lazytrain.engine.compute.device import DeviceChoice
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.loading import Dataset
from lazytrain.engine.events import EpochRecord, RunStarted
from lazytrain.presets import Hyperparameters

MOST_LINES = 100


def part_of(done: int, total: int) -> int:
    """In which of the run's `MOST_LINES` equal parts it stands: a line is due when that is another one."""
    return done * MOST_LINES // max(1, total)


def describe_data(dataset: Dataset, values: Hyperparameters) -> str:
    """`data: digits, 1,442 train and 355 test images of 3×32×32, 10 classes; 10 % of the train images held out`."""
    held_out = values.validation_fraction
    shape = tuple(dataset.train.images.shape[1:])
    text = (
        f"data: {values.dataset}, {len(dataset.train.labels):,} train and {len(dataset.test.labels):,} test images of "
        f"{'×'.join(map(str, shape))}, {len(dataset.classes)} classes"
    )
    return f"{text}; {held_out:.0%} of the train images held out".replace("%", " %") if held_out else text


def describe_start(started: RunStarted, choice: DeviceChoice, configuration: RunConfiguration, parameters: int) -> str:
    """`starts: 15 epochs of 361 steps on cpu (…), 1 thread, path derived, seed 0, 31,000 parameters`.

    Or `resumed at step 1,234: …`. `Message.begun_at` reads it.
    """
    kind = started.device.partition("@")[0]
    threads = f", {started.threads} thread{'s' * (started.threads != 1)}" if kind == "cpu" else ""
    return (
        f"{f'resumed at step {started.step:,}' if started.step else 'starts'}: {started.num_epochs} epoch"
        f"{'s' * (started.num_epochs != 1)} of {started.steps_per_epoch:,} steps on {started.device} "
        f"({choice.name}, {choice.reason}){threads}, path {started.path}, "
        f"seed {configuration.hyperparameters.seed}, {parameters:,} parameters"
    )


def describe_epoch(record: EpochRecord, num_epochs: int, *, best: bool) -> str | None:
    """`epoch 3/50: train 0.412, 85.1 %; val. 1.21, 62.0 %; test 1.2, 62.4 %; best; 2.8 s + 0.4 s test`.

    In one line of a log at 120 columns. None for an epoch that is left out.
    """
    epoch = record.epoch
    if 1 < epoch < num_epochs and part_of(epoch, num_epochs) == part_of(epoch - 1, num_epochs):
        return None
    sets = [("train", record.train_loss, record.train_accuracy), ("test", record.test_loss, record.test_accuracy)]
    if record.validation_loss is not None and record.validation_accuracy is not None:
        sets.insert(1, ("val.", record.validation_loss, record.validation_accuracy))
    figures = "; ".join(f"{name} {_short(loss)}, {100 * accuracy:.1f} %" for name, loss, accuracy in sets)
    training, evaluation = record.seconds - record.evaluation_seconds, record.evaluation_seconds
    times = f"{_time(training, 3)} + {_time(evaluation, 2)} test"
    return f"epoch {epoch}/{num_epochs}: {figures}; {'best; ' if best else ''}{times}"


def _short(loss: float) -> str:
    """A digit less where the exponent takes room."""
    return f"{loss:.3g}" if not 0.0 < abs(loss) < 1e-4 else f"{loss:.2g}"


def _time(seconds: float, digits: int) -> str:
    return f"{seconds:.{digits}g} s" if seconds >= 1.0 else f"{1000 * seconds:.0f} ms"
