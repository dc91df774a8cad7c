"""The studies on Launch: what is shown of one, switched off, reused, and queued."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from lazytrain.engine.records import State
from lazytrain.engine.store.journal import Journal
from lazytrain.tui.app import LazytrainApp
from lazytrain.tui.lists.study_runs import StudyRuns
from lazytrain.tui.screens.confirm import ConfirmScreen
from lazytrain.tui.screens.export import ExportScreen
from lazytrain.tui.widgets.study_panel import StudyPanel
from tests.helpers.launch_app import V9, launch, listed, make_app, settle, started, text_of, toasts, until, write_preset
from tests.helpers.monitor_data import Filler

SIZES = [(120, 40), (80, 24)]
LR_RUNS = [
    *("coolnet-v10 lr-10", "coolnet-v7 lr-10", "coolnet-v10 lr-0.1", "coolnet-v7 lr-0.1"),
    *("coolnet-v10 default", "coolnet-v7 default", "coolnet-v10 lr-0.0001", "coolnet-v7 lr-0.0001"),
]


def panel(app: LazytrainApp) -> StudyPanel:
    return launch(app).query_one(StudyPanel)


def lines(app: LazytrainApp) -> list[str]:
    """The study's runs as they are drawn."""
    runs = launch(app).query_one(StudyRuns)
    return [" ".join(runs.render_line(line).text.strip("▌ ").split()) for line in range(len(runs.rows))]


async def open_study(pilot: Pilot[Any], name: str = "learning-rate") -> None:
    app: Any = pilot.app
    await pilot.press("s")
    launch(app).query_one("#studies").chosen = name  # type: ignore[attr-defined]
    await ready(pilot, name)


async def ready(pilot: Pilot[Any], name: str) -> None:
    app: Any = pilot.app

    def there() -> bool:
        shown = panel(app)
        return shown.preset is not None and shown.preset.name == name and shown.ready

    await until(pilot, there)
    await settle(pilot)


def answer_all(home: Path, seconds: Callable[[str, dict[str, Any]], float]) -> int:
    """Answer each question for a time so that on CIFAR-10 it is `seconds(net, values)`; returns how many there were."""
    count = 0
    with Journal(home) as journal:
        while (asked := journal.next_question()) is not None:
            key, question = asked
            if question["kind"] != "measure":
                journal.answer(key, error="not now")
                continue
            configuration = question["configuration"]
            values = configuration["hyperparameters"]
            rate = 60_000 * values["epochs"] / seconds(configuration["architecture_name"], values)
            result = {"images_per_second": rate, "evaluated_per_second": rate, "device": "cpu"}
            journal.answer(key, result)
            count += 1
    return count


# ── looking ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_studies_are_listed_with_the_number_of_their_runs(home: Path) -> None:
    async with started(home) as (app, pilot):
        assert [" ".join(line.split()) for line in listed(app, "#studies")] == [
            *("learning rate 8 runs", "batch size 8 runs", "decreasing lr 4 runs", "augmentation 4 runs"),
            *("mean squared error 4 runs", "activations 3 runs", "architectures 5 runs", "CoolNet variants 11 runs"),
            "the whole report 33 runs",
        ]
        assert not panel(app).rows, "nothing is worked out before it is asked for"
        await pilot.press("s", "s")
        assert app.focused is launch(app).query_one("#architectures")


@pytest.mark.parametrize("size", SIZES)
async def test_a_study_shows_its_runs_and_what_is_set_in_each(home: Path, size: tuple[int, int]) -> None:
    async with started(home, size=size) as (app, pilot):
        await open_study(pilot)
        assert lines(app) == [f"[x] {name} …" for name in LR_RUNS]
        assert text_of(app, "#study-total") == "8 of 8 runs · expected time: not measured yet"
        assert "NaN loss" in text_of(app, "#study-about")
        await pilot.press("right", "down", "down")
        await settle(pilot)
        assert text_of(app, "#study-run") == "coolnet-v10 lr-0.1 (learning-rate)"
        assert "lr 0.1" in text_of(app, "#study-settings")
        await pilot.press("left", "left")
        assert app.focused is launch(app).query_one("#studies")
        await pilot.press("tab")  # on to the runs, then round to the architectures
        await pilot.press("tab")
        assert app.focused is launch(app).query_one("#architectures")
        assert not launch(app).has_class("-study")


async def test_times_are_measured_then_the_short_runs_go_first(home: Path) -> None:
    async with started(home) as (app, pilot):
        await open_study(pilot, "batch-size")
        await until(pilot, lambda: all(row.estimate is not None for row in panel(app).rows))
        count = answer_all(home, lambda net, values: 6000 / values["batch_size"] + (net == "coolnet-v10") * 60)
        assert count == 8
        await until(pilot, lambda: all(row.seconds is not None for row in panel(app).rows))
        assert lines(app) == [
            *("[x] coolnet-v7 batch-20 5 min", "[x] coolnet-v10 batch-20 6 min", "[x] coolnet-v7 batch-10 10 min"),
            *("[x] coolnet-v10 batch-10 11 min", "[x] coolnet-v7 batch-5 20 min", "[x] coolnet-v10 batch-5 21 min"),
            *("[x] coolnet-v7 default 25 min", "[x] coolnet-v10 default 26 min"),
        ]
        total = text_of(app, "#study-total")
        assert total.startswith("8 of 8 runs · about 2 h 5 min · done about ")


async def test_learning_rates_share_one_measurement(home: Path) -> None:
    async with started(home) as (app, pilot):
        await open_study(pilot)
        await until(pilot, lambda: all(row.estimate is not None for row in panel(app).rows))
        assert answer_all(home, lambda _net, _values: 600.0) == 2


async def test_moving_over_the_studies_measures_nothing_until_one_is_stayed_on(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("s", "down", "down", "down")
        assert panel(app).preset is not None
        assert [row.estimate for row in panel(app).rows] == [None] * 4


# ── switching and queueing ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", SIZES)
async def test_enter_queues_what_is_on_in_order_and_opens_monitor_on_the_first(
    home: Path, size: tuple[int, int]
) -> None:
    async with started(home, size=size) as (app, pilot):
        await open_study(pilot)
        await pilot.press("right", "space", "down", "down", "space")
        await until(pilot, lambda: text_of(app, "#study-total").startswith("6 of 8 runs"))
        assert lines(app)[0] == "[ ] coolnet-v10 lr-10 off, …"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert (app.store.runs(), app.screen.question) == ([], "queue 6 runs?")  # type: ignore[attr-defined]
        await pilot.press("escape")
        assert app.store.runs() == []
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "monitor" and app.monitor_screen is not None)
        expected = [f"{name} (learning-rate)" for name in (LR_RUNS[1], *LR_RUNS[3:])]
        assert [run.name for run in app.store.runs()] == expected
        assert toasts(app)[-1] == "6 runs queued"
        first = app.store.runs()[0]
        await until(pilot, lambda: app.monitor_screen is not None and app.monitor_screen.is_mounted)
        assert app.store.configuration(first.id).hyperparameters.learning_rate == 10


async def test_a_adds_a_study_and_stays_and_a_second_time_there_is_nothing_to_do(home: Path) -> None:
    async with started(home) as (app, pilot):
        await open_study(pilot, "activations")
        await pilot.press("a")
        await until(pilot, lambda: len(app.store.runs()) == 3)
        await settle(pilot)
        assert app.current_mode == "launch"
        assert lines(app) == [
            f"◌ {name} default queued" for name in ("boringnet", "boringnet-relu", "boringnet-leaky-relu")
        ]
        assert text_of(app, "#study-reuse") == "3 queued: left as they are"
        await pilot.press("a")
        assert toasts(app)[-1].startswith("every run of it is there already")
        assert len(app.store.runs()) == 3


async def test_what_is_finished_is_left_unless_it_is_switched_on(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("end", "up", "tab", "down", "a")  # LazyNet with the default, by itself
        await until(pilot, app.store.runs)
        with Journal(home) as journal:
            (run,) = journal.runs()
            journal.claim(run.id)
            journal.end(run.id, State.FINISHED, outcome="all epochs done")
        await open_study(pilot, "architectures")
        assert lines(app)[0] == "✓ lazynet default finished already"
        assert text_of(app, "#study-reuse") == "1 finished already: left as it is"
        assert text_of(app, "#study-total").startswith("4 of 5 runs")
        await pilot.press("right", "space")
        await until(pilot, lambda: text_of(app, "#study-total").startswith("5 of 5 runs"))
        assert lines(app)[0].startswith("[x] lazynet default again")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("enter")
        await until(pilot, lambda: len(app.store.runs()) == 6)


async def test_a_stopped_run_goes_on(home: Path) -> None:
    async with started(home) as (app, pilot):
        await open_study(pilot, "activations")
        await pilot.press("a")
        await until(pilot, lambda: len(app.store.runs()) == 3)
        ids = {run.id for run in app.store.runs()}
        app.store.stop(app.store.runs()[1].id)
        app.refresh_runs()
        await settle(pilot)
        assert lines(app)[1] == "[x] boringnet-relu default goes on, …"
        await pilot.press("a")
        await until(pilot, lambda: all(run.state is State.QUEUED for run in app.store.runs()))
        assert {run.id for run in app.store.runs()} == ids


async def test_what_cannot_work_is_said_and_left_out(home: Path) -> None:
    path = write_preset(home, "architectures", "coolnet-v9", V9)
    write_preset(home, "studies", "mine", 'title = "with v9"\narchitectures = ["coolnet-v9", "lazynet"]\n')
    async with started(home) as (app, pilot):
        await open_study(pilot, "mine")
        assert lines(app) == ["⚠ coolnet-v9 default can't be trained", "[x] lazynet default …"]
        sentence = f"{path}: layer 6 (maxpool 4): input 16×3×3: its window 4×4 is larger than the 3×3 map it sees"
        assert sentence in text_of(app, "#study-refusal")
        await pilot.press("right", "space")
        await settle(pilot)
        assert text_of(app, "#study-total").startswith("1 of 2 runs")
        await pilot.press("a")
        await until(pilot, app.store.runs)
        assert [run.architecture for run in app.store.runs()] == ["lazynet"]


async def test_nothing_is_queued_before_every_net_is_checked(home: Path) -> None:
    write_preset(home, "studies", "mine", 'title = "two"\narchitectures = ["lazynet", "resnet18"]\n')
    async with started(home) as (app, pilot):
        await open_study(pilot, "mine")
        await pilot.press("a")
        assert toasts(app)[-1] == "queued as soon as its nets have been checked"
        assert not app.store.runs()
        with Journal(home) as journal:
            while (asked := journal.next_question()) is not None:
                result = {"rows": [["fc", "10", 5130]]} if asked[0].startswith("check") else None
                journal.answer(asked[0], result, None if result else "not now")
        await until(pilot, lambda: len(app.store.runs()) == 2)


async def test_a_broken_study_is_listed_with_its_reason(home: Path) -> None:
    path = write_preset(home, "studies", "wrong", 'title = "wrong"\narchitectures = ["coolnet-v77"]\n')
    async with started(home) as (app, pilot):
        assert listed(app, "#studies")[-1].split() == ["wrong", "⚠"]
        await pilot.press("s", "end", "enter")
        await settle(pilot)
        reason = f"{path}: architectures.1 = 'coolnet-v77': no architecture of that name; did you mean coolnet-v7?"
        assert reason in text_of(app, "#study-refusal")
        assert toasts(app) == [reason]


async def test_the_data_of_a_study_that_is_not_there_refuses_its_runs(home: Path) -> None:
    text = 'title = "mine"\narchitectures = ["lazynet"]\n[set]\ndataset = "folder:/nowhere"\n'
    write_preset(home, "studies", "mine", text)
    async with started(home) as (app, pilot):
        await open_study(pilot, "mine")
        assert lines(app) == ["⚠ lazynet default dataset=folder:/nowh… can't be trained"]
        assert "no folder /nowhere" in text_of(app, "#study-refusal")


async def test_a_filter_narrows_the_studies(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("s", "slash", *"rate")
        await settle(pilot)
        assert [" ".join(line.split()) for line in listed(app, "#studies")] == ["learning rate 8 runs"]


# ── what came of it ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", SIZES)
async def test_c_marks_the_studys_runs_and_goes_to_compare(home: Path, size: tuple[int, int]) -> None:
    filler = Filler(home)
    other, run = filler.queue("lazynet", epochs=3), filler.queue("boringnet")
    filler.start(run)
    filler.train(run, 1)
    filler.end(run, State.STOPPED)
    filler.journal.close()
    async with started(home, size=size) as (app, pilot):
        app.marks.add([other])
        assert not {"launch.compare_study", "launch.report_study"} & footer(app)
        await open_study(pilot, "activations")
        assert {"launch.compare_study", "launch.report_study"} <= footer(app)
        await pilot.press("C")
        await until(pilot, lambda: app.current_mode == "compare")
        assert list(app.marks) == [run]
        assert toasts(app) == []


async def test_c_says_that_nothing_of_a_study_is_trained_yet(home: Path) -> None:
    async with started(home) as (app, pilot):
        await open_study(pilot, "activations")
        await pilot.press("right", "C")
        assert [text.partition(":")[0] for text in toasts(app)] == ["no run has the settings of activations"]
        assert app.current_mode == "launch"
        await pilot.press("a")
        await until(pilot, lambda: len(app.store.runs()) == 3)
        await pilot.press("C")
        await until(pilot, lambda: app.current_mode == "compare")
        assert toasts(app)[-1] == "nothing of activations is trained yet: its curves come as it trains"
        assert len(app.marks) == 3


async def write_report(app: LazytrainApp, pilot: Pilot[int]) -> None:
    """Press E, and write what it offers."""
    await pilot.press("E")
    await until(pilot, lambda: isinstance(app.screen, ExportScreen))
    await pilot.pause()
    await pilot.press("enter")
    await until(pilot, lambda: not isinstance(app.screen, ExportScreen))


async def test_e_writes_the_studys_report(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with started(home, size=(80, 24)) as (app, pilot):
        await pilot.press("E")
        assert app.screen is launch(app), "on presets it does nothing"
        await open_study(pilot, "activations")
        await write_report(app, pilot)
        assert "# activations" in (tmp_path / "activations-report.md").read_text(encoding="utf-8")


async def test_a_study_is_compared_and_reported_as_it_was_launched(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    filler = Filler(home)
    # As `study activations --set epochs=3 --seeds 2` leaves it where one of its runs was there already.
    ids = [filler.queue("boringnet", epochs=3)]
    for name in ("boringnet-relu", "boringnet-leaky-relu"):
        for seed in range(2):
            ids.append(filler.queue(name, epochs=3, seed=seed, name=f"{name} {seed} (activations)"))
    other = filler.queue("boringnet", epochs=4)
    for run in (*ids, other):
        filler.start(run)
        filler.train(run, 3)
    filler.journal.close()
    async with started(home) as (app, pilot):
        await open_study(pilot, "activations")
        await write_report(app, pilot)
        text = (tmp_path / "activations-report.md").read_text(encoding="utf-8")
        assert "6 runs: 5 running, 1 not trained yet." in text
        assert "| epochs " in text
        await pilot.press("C")
        await until(pilot, lambda: app.current_mode == "compare")
        assert set(app.marks) == set(ids)


async def test_a_broken_study_has_neither_comparison_nor_report(home: Path) -> None:
    path = write_preset(home, "studies", "wrong", 'title = "wrong"\narchitectures = ["coolnet-v77"]\n')
    async with started(home) as (app, pilot):
        await pilot.press("s", "end", "C")
        await pilot.press("E")
        await settle(pilot)
        assert len(toasts(app)) == 2
        assert all(text.startswith(str(path)) for text in toasts(app))
        assert app.screen is launch(app)


def footer(app: LazytrainApp) -> set[str | None]:
    """Ids of the keys in the footer."""
    return {each.binding.id for each in app.screen.active_bindings.values() if each.binding.show and each.enabled}


# ── pictures ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", SIZES, ids=["120x40", "80x24"])
def test_picture_of_a_study(home: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    app = make_app(home)
    app.clock = lambda: datetime(2026, 5, 3, 6, 0).timestamp()

    async def show(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await open_study(pilot)
        await until(pilot, lambda: all(row.estimate for row in panel(app).rows))
        answer_all(home, lambda net, _values: 600.0 if net == "coolnet-v7" else 660.0)
        await until(pilot, lambda: all(row.seconds for row in panel(app).rows))
        with Journal(home) as journal:
            run = journal.add_run(panel(app).rows[-1].planned.configuration, "mine")
            journal.claim(run.id)
            journal.end(run.id, State.FINISHED, outcome="all epochs done")
        app.refresh_runs()
        await pilot.press("right", "home", "down", "space", "down")
        await settle(pilot)

    assert snap_compare(app, terminal_size=size, run_before=show)
