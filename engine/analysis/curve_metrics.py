"""The curve of a run that lazytrain trains, as named series: for whoever asks for a metric by its name.

Needs no numpy: commands ask it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import accumulate

from lazytrain.engine.events import POINT_FORMAT, Point
from lazytrain.engine.store.reading import Reader
from lazytrain.engine.store.series import Metric, Sample

LEARNING_RATE, RATE = "learning rate", "images/s"


def curve_series(reader: Reader, run_id: str) -> dict[str, list[Sample]]:
    """Name → samples: of the windows of training steps, and of each epoch's evaluation at its last step.

    Empty of a run without a curve.
    """
    points = [Point._make(values) for values in POINT_FORMAT.iter_unpack(reader.packed_points(run_id))]
    epochs = reader.epochs(run_id)
    ends = list(accumulate(record.seconds for record in epochs))
    series = {
        "train/loss": [Sample(each.step, each.seconds, each.loss) for each in points],
        "train/accuracy": [Sample(each.step, each.seconds, each.accuracy) for each in points],
        LEARNING_RATE: [Sample(each.step, each.seconds, each.learning_rate) for each in points],
        RATE: [Sample(each.step, each.seconds, each.images_per_second) for each in points],
    }
    figures = {"test/loss": "test_loss", "test/accuracy": "test_accuracy"}
    figures |= {"val/loss": "validation_loss", "val/accuracy": "validation_accuracy"}
    for name, field in figures.items():
        found = ((record, end, getattr(record, field)) for record, end in zip(epochs, ends, strict=True))
        series[name] = [Sample(record.step, end, value) for record, end, value in found if value is not None]
    return {name: samples for name, samples in series.items() if samples}


def metric_of(name: str, samples: Iterable[Sample]) -> Metric:
    """What is known of a series that has any values."""
    values = list(samples)
    numbers = [each.value for each in values if not math.isnan(each.value)]
    last = values[-1].value
    return Metric(
        name=name,
        num_values=len(values),
        highest_step=max(each.step for each in values),
        last=None if math.isnan(last) else last,
        smallest=min(numbers, default=None),
        largest=max(numbers, default=None),
    )
