"""Comparing runs: in what they differ, their figures, and seeds of one setting as one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lazytrain.engine.analysis.comparison import (
    Compared,
    alone,
    best_of,
    differing,
    family_outcome,
    fold_seeds,
    loss_kinds,
    mean_curve,
    outcome,
)
from lazytrain.engine.records import State
from tests.helpers.monitor_data import Filler


def compared(filler: Filler, *run_ids: str) -> list[Compared]:
    journal = filler.journal
    return [
        Compared(run=journal.run(each), configuration=journal.configuration(each), epochs=journal.epochs(each))
        for each in run_ids
    ]


def trained(filler: Filler, architecture: str, preset: str = "default", *, final: float = 1.0, **edits: Any) -> str:
    run_id = filler.queue(architecture, preset, epochs=4, **edits)
    filler.start(run_id, 100)
    filler.train(run_id, 4, windows=10, loss=lambda epoch: final + math.exp(-epoch))
    filler.end(run_id, State.FINISHED, outcome="all epochs done")
    return run_id


def test_only_fields_that_differ_are_told(home: Path) -> None:
    filler = Filler(home)
    runs = compared(
        filler, filler.queue("coolnet-v10"), filler.queue("coolnet-v7", "lr-0.1"), filler.queue("coolnet-v7", "mse")
    )
    found = differing(runs)
    assert found["architecture"] == ("coolnet-v10", "coolnet-v7", "coolnet-v7")
    assert found["learning_rate"] == (0.01, 0.1, 0.01)
    assert found["loss"] == ("cross_entropy", "cross_entropy", "mse")
    assert next(iter(found)) == "architecture"
    assert not {"batch_size", "seed", "device", "net"} & set(found)
    assert differing(runs[:1]) == {}
    assert differing([]) == {}
    assert "loss" not in differing(runs, without=("loss",))


def test_a_device_differs_only_where_it_is_known(home: Path) -> None:
    filler = Filler(home)
    first, second = filler.queue("lazynet"), filler.queue("lazynet", seed=1)
    filler.start(first)
    assert set(differing(compared(filler, first, second))) == {"seed"}
    here, there = compared(filler, first, second)
    there = replace(there, run=replace(there.run, device="cuda:0"))
    assert differing([here, there])["device"] == ("cpu", "cuda:0")


def test_nets_of_one_name_are_told_apart(home: Path) -> None:
    filler = Filler(home)
    here, other = compared(filler, filler.queue("coolnet-v10"), filler.queue("coolnet-v2"))
    assert other.configuration is not None
    changed = other.configuration.model_copy(update={"architecture_name": "coolnet-v10"})
    found = differing([here, replace(other, configuration=changed)])
    assert set(found) == {"net"}
    assert found["net"][0] != found["net"][1]


def test_figures_of_a_row(home: Path) -> None:
    filler = Filler(home)
    run_id = filler.queue("coolnet-v10")
    filler.start(run_id)
    filler.train(run_id, 30.9)
    (each,) = compared(filler, run_id)
    found = outcome(each)
    accuracies = [record.test_accuracy for record in each.epochs]
    assert found.best_accuracy == max(accuracies) == each.run.best_accuracy
    assert found.best_epoch == accuracies.index(max(accuracies)) + 1 == each.run.best_epoch
    assert found.last_accuracy == accuracies[-1]
    assert found.gap == pytest.approx(each.epochs[-1].train_accuracy - accuracies[-1])
    assert found.images_per_second == pytest.approx(12_500 * 4 / (12.5 - 0.4))
    assert found.report_accuracy == 0.62
    assert found.seconds == each.run.seconds


def test_the_best_epoch_is_chosen_by_validation_images_and_told_by_test_images(home: Path) -> None:
    filler = Filler(home)
    run_id = filler.queue("coolnet-v10", validation_fraction=0.1)
    filler.start(run_id)
    filler.train(run_id, 3, validated=True)
    (each,) = compared(filler, run_id)
    worse = [replace(record, validation_accuracy=0.9 if record.epoch == 2 else 0.1) for record in each.epochs]
    found = outcome(replace(each, epochs=worse))
    assert found.best_epoch == 2
    assert found.best_accuracy == worse[1].test_accuracy
    assert found.report_accuracy is None


def test_a_run_without_figures_has_none(home: Path) -> None:
    filler = Filler(home)
    found = outcome(compared(filler, filler.queue("lazynet"))[0])
    assert (found.best_accuracy, found.gap, found.seconds, found.images_per_second) == (None, None, None, None)


def test_seeds_of_one_setting_are_one_row(home: Path) -> None:
    filler = Filler(home)
    ids = [trained(filler, "lazynet", seed=seed, final=1 + seed / 10) for seed in range(3)]
    other = trained(filler, "lazynet", learning_rate=0.1, seed=0)
    runs = compared(filler, *ids, other)
    families = fold_seeds(runs)
    assert [[each.run.id for each in family.members] for family in families] == [ids, [other]]
    assert len(alone(runs)) == 4
    found, each = family_outcome(families[0]), [outcome(run) for run in runs[:3]]
    bests = [one.best_accuracy for one in each if one.best_accuracy is not None]
    assert found.best_accuracy == pytest.approx(sum(bests) / 3)
    assert (found.lowest, found.highest) == (min(bests), max(bests))
    assert family_outcome(families[1]) == outcome(runs[3])
    assert family_outcome(families[1]).lowest is None


def test_a_failed_seed_counts_as_a_member_and_not_in_the_mean(home: Path) -> None:
    filler = Filler(home)
    good = [trained(filler, "lazynet", seed=seed) for seed in range(2)]
    bad = filler.queue("lazynet", epochs=4, seed=2)
    filler.start(bad, 100)
    filler.end(bad, State.FAILED, error="loss became nan")
    (family,) = fold_seeds(compared(filler, *good, bad))
    assert len(family.members) == 3
    assert [each.run.id for each in family.used] == good
    (lost,) = fold_seeds(compared(filler, bad))
    assert lost.used == lost.members


def test_the_best_is_marked_only_among_several(home: Path) -> None:
    filler = Filler(home)
    runs = compared(filler, trained(filler, "lazynet", final=1.5), trained(filler, "coolnet-v10", final=0.5))
    outcomes = {each.run.id: outcome(each) for each in runs}
    assert best_of(outcomes) == {runs[1].run.id}
    assert best_of({runs[0].run.id: outcomes[runs[0].run.id]}) == set()


def test_losses_of_different_kinds_are_told(home: Path) -> None:
    filler = Filler(home)
    runs = compared(
        filler, filler.queue("lazynet"), filler.queue("lazynet", "mse"), filler.queue("lazynet", label_smoothing=0.1)
    )
    kinds = loss_kinds(each.configuration for each in runs)
    assert kinds == ("cross-entropy", "MSE", "cross-entropy smoothed by 0.1")
    assert loss_kinds(each.configuration for each in (runs[0], runs[0])) == ("cross-entropy",)


def test_a_mean_runs_where_all_its_curves_do() -> None:
    first = (np.array([1, 2, 3, 4]), np.array([1.0, 2.0, 3.0, 4.0]))
    second = (np.array([2.0, 3.0]), np.array([4.0, 5.0]))
    found = mean_curve([first, second, (np.array([]), np.array([]))])
    assert found is not None
    assert found.x.tolist() == [2, 3]
    assert found.mean.tolist() == [3, 4]
    assert found.low.tolist() == [2, 3]
    assert found.high.tolist() == [4, 5]


def test_a_mean_leaves_out_what_is_no_number_and_needs_common_places() -> None:
    nan = float("nan")
    found = mean_curve([(np.arange(3), np.array([1.0, nan, 3.0])), (np.arange(3), np.array([1.0, 2.0, 3.0]))])
    assert found is not None
    assert found.mean.tolist() == [1, 2, 3]
    assert mean_curve([]) is None
    assert mean_curve([(np.arange(2), np.array([nan, nan]))]) is None
    assert mean_curve([(np.arange(2), np.ones(2)), (np.arange(5, 7), np.ones(2))]) is None


def test_a_long_mean_has_no_more_points_than_asked_for() -> None:
    x = np.arange(100_000)
    found = mean_curve([(x, np.ones(len(x))), (x, 3 * np.ones(len(x)))], most_points=500)
    assert found is not None
    assert len(found.x) == 500
    assert (found.x[0], found.x[-1]) == (0, 99_999)
    assert set(found.mean.tolist()) == {2.0}
