"""What lazytrain's own trainings log beside their curves."""

from __future__ import annotations

from lazytrain.engine.confusion import Confusion
from lazytrain.engine.run.own_series import GRADIENT_NORM, MACRO_F1, WEIGHT_NORM, class_series
from lazytrain.engine.store.series import check_name
from tests.helpers.bench import Bench


def test_a_run_has_norms_and_what_each_evaluation_tells_of_classes(bench: Bench) -> None:
    run = bench.queue(epochs=2)
    bench.train()
    series = bench.result(run).series
    assert list(series)[:2] == [GRADIENT_NORM, WEIGHT_NORM]
    epochs = [(record.step, record.test_accuracy) for record in bench.store.epochs(run.id)]
    assert [step for step, _ in series[MACRO_F1]] == [step for step, _ in epochs]
    confusion = bench.store.confusions(run.id)[2]
    told = {name: values[-1][1] for name, values in series.items() if name.startswith("test/class accuracy/")}
    assert list(told.values()) == list(confusion.class_accuracies)
    assert list(told)[3] == "test/class accuracy/3"


def test_classes_of_any_name_have_series() -> None:
    names = ("\x1b[2J", "a" * 500, "a" * 501, "", "cat")
    counts = tuple(tuple(int(row == column) for column in range(5)) for row in range(5))
    series = class_series(Confusion(names, counts), 10, 1.0)
    assert len(series) == 6
    assert all(check_name(name) for name in series)
    assert class_series(None, 10, 1.0) == {}
