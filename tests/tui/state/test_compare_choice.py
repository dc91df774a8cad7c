"""Which metrics of the marked runs Compare can lay over each other, and what it says where it can't."""

from __future__ import annotations

from pathlib import Path

import pytest

from lazytrain.engine.analysis.comparison import Compared
from lazytrain.engine.records import Run, State, Wanted
from lazytrain.engine.store.series import Metric
from lazytrain.tui.state.compare_choice import CompareChoice
from tests.helpers.monitor_data import Filler


def own(home: Path, *hyperparameters: str) -> list[Compared]:
    """Runs that lazytrain trains."""
    journal = (filler := Filler(home)).journal
    ids = [filler.queue("lazynet", name) for name in hyperparameters]
    found = [Compared(run=journal.run(each), configuration=journal.configuration(each)) for each in ids]
    journal.close()
    return found


def script(name: str, *metrics: str) -> Compared:
    """A run of a program that logs these."""
    run = Run(
        id=name,
        name=name,
        architecture="",
        hyperparameters="",
        dataset="",
        seed=0,
        state=State.RUNNING,
        wanted=Wanted.RUN,
        position=0,
        created=0,
        num_epochs=0,
    )
    known = [Metric(name=each, num_values=1, highest_step=0, last=1.0, smallest=1.0, largest=1.0) for each in metrics]
    return Compared(run=run, configuration=None, metrics=known)


def test_losses_of_one_kind_are_laid_over_each_other_and_others_are_not(home: Path) -> None:
    quick, mse = own(home, "quick", "mse")
    assert CompareChoice([quick, quick], "both").names == ("accuracy", "loss")
    choice = CompareChoice([quick, mse], "both")
    assert (choice.names, choice.metric, choice.are_own) == (("accuracy",), "", True)
    assert choice.describe(()).startswith("losses of different kinds (")


@pytest.mark.parametrize(
    ("logged", "wanted", "shown"),
    [
        (("reward", "loss"), "both", ""),
        (("reward", "length"), "both", "reward"),
        (("reward", "length"), "length", "length"),
        (("reward", "length"), "another", ""),
    ],
)
def test_any_metric_stands_where_it_is_wanted_or_nothing_else_is_there(
    logged: tuple[str, ...], wanted: str, shown: str
) -> None:
    assert CompareChoice([script("mine", *logged)], wanted).metric == shown


def test_who_has_nothing_to_draw_is_named(home: Path) -> None:
    members = [*own(home, "quick"), script("mine", "reward")]
    choice = CompareChoice(members, "both")
    assert [choice.lacks(each) for each in members] == [False, True]
    assert choice.describe(()) == "mine has no accuracy nor loss: v chooses another metric"
    assert CompareChoice(members, "reward").describe(()).endswith(" has no reward: v chooses another metric")
    assert choice.describe(["old"]) == "the settings of old can't be read: i says why"
    assert CompareChoice((), "both").describe(()).startswith("space marks a run")
