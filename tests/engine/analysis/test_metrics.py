"""Named series as arrays, and which of them share a chart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lazytrain.engine.analysis.metric_names import MetricRules, group_metrics, guess_goal, split_name
from lazytrain.engine.analysis.metrics import RunMetrics, along
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train/loss", ("train", "loss")),
        ("val_acc", ("val", "acc")),
        ("eval_loss", ("val", "loss")),
        ("validation/f1", ("val", "f1")),
        ("test.bleu", ("test", "bleu")),
        ("loss/train", ("train", "loss")),
        ("loss", ("", "loss")),
        ("training_time", ("train", "time")),
        ("trainable", ("", "trainable")),
        ("val", ("", "val")),
        ("layer1/train/norm", ("", "layer1/train/norm")),
    ],
)
def test_a_name_says_of_which_part_it_is(name: str, expected: tuple[str, str]) -> None:
    assert split_name(name) == expected


def test_parts_of_one_figure_share_a_chart_in_their_order() -> None:
    groups = group_metrics(["val_loss", "loss", "lr", "test/acc", "train/acc"])
    assert [(group.title, group.members) for group in groups] == [
        ("loss", (("train", "loss"), ("val", "val_loss"))),
        ("lr", (("", "lr"),)),
        ("acc", (("train", "train/acc"), ("test", "test/acc"))),
    ]
    assert [group.goal for group in groups] == ["min", None, "max"]


def test_what_is_new_is_read_and_steps_that_go_back_are_put_in_order(home: Path) -> None:
    with ScriptJournal(home) as journal:
        run = journal.add_script("a", details={})
        metrics = RunMetrics(journal, run.id)

        def write(*steps: int) -> None:
            journal.write_series(run.id, {"x": [Sample(step, 1.0, step / 2) for step in steps]}, {})

        write(1, 2, 3)
        assert metrics.update()
        series = metrics.series(["x", "absent"])
        assert series["x"].steps.tolist() == [1, 2, 3]
        assert not len(series["absent"].values)
        assert not metrics.update()
        write(2, 5, 4)
        assert metrics.update()
        found = metrics.series(["x"])["x"]
        assert (found is series["x"], found.num_read) == (True, 6)
        assert found.steps.tolist() == [1, 2, 2, 3, 4, 5]
        assert np.array_equal(found.values, found.steps / 2)
        journal.rewind(run.id, 2, 0)
        metrics.update()
        assert metrics.series(["x"])["x"].steps.tolist() == [1, 2, 2]


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("val/loss", "min"),
        ("eval_perplexity", "min"),
        ("top5_error", "min"),
        ("myLoss", "min"),
        ("focal-loss", "min"),
        ("val_acc", "max"),
        ("BLEU", "max"),
        ("macro F1", "max"),
        ("roc_auc", "max"),
        ("loss/accuracy", "max"),
        ("certainty", None),
        ("lr", None),
        ("clossing", None),
        ("", None),
    ],
)
def test_which_way_is_better_is_guessed_from_the_name(name: str, goal: str | None) -> None:
    assert guess_goal(name) == goal


def test_what_is_said_of_metrics_counts_before_guesses() -> None:
    rules = MetricRules.of(
        {
            "metrics": {
                "*": {"step_metric": "epoch"},
                "val/*": {"goal": "maximize", "summary": "best"},
                "val/loss": {"goal": "minimize"},
                "speed": {"goal": "max", "step_metric": "speed"},
                "broken": "no rules",
            }
        }
    )
    assert [rules.goal(name) for name in ("val/x", "val/loss", "train/speed", "val/speed")] == ["max", "min"] + 2 * [
        "max"
    ]
    assert [rules.step_metric(name) for name in ("val/x", "speed", "train/speed")] == ["epoch", "", "speed"]
    assert [rules.summary(name) for name in ("val/loss", "train/loss")] == ["min", "last"]
    assert MetricRules.of({"metrics": "nonsense"}).goal("acc") == "max"


def test_a_metric_along_another_one(home: Path) -> None:
    with ScriptJournal(home) as journal:
        run = journal.add_script("a", details={})
        samples = {
            "acc": [Sample(step, 0.0, step / 10) for step in (1, 5, 10, 15)],
            "epoch": [Sample(5, 0.0, 1.0), Sample(10, 0.0, 2.0)],
        }
        journal.write_series(run.id, samples, {})
        metrics = RunMetrics(journal, run.id)
        metrics.update()
        series = metrics.series(samples)
        found = along(series["acc"], series["epoch"])
        assert [each.tolist() for each in found] == [[1.0, 2.0, 2.0], [5, 10, 15], [0.5, 1.0, 1.5]]
