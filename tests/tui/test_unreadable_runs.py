"""A stored run that can't be read ends no screen and no command: it is told of, and the others go on."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lazytrain.engine.places import store_file
from lazytrain.engine.records import State
from lazytrain.engine.store.store import NotPossible, Store
from lazytrain.presets.plain_text import harmless
from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.screens.compare import CompareScreen
from lazytrain.tui.screens.details import DetailsScreen
from lazytrain.tui.screens.monitor import MonitorScreen
from lazytrain.tui.widgets.run_status import RunStatus
from tests.helpers import command_line
from tests.helpers.bench import Bench, configuration
from tests.helpers.command_line import Command, finished_run
from tests.helpers.launch_app import launch, started, toasts, until
from tests.helpers.unreadable_runs import DAMAGES, spoil

run = command_line.run
CASES = pytest.mark.parametrize(("damage", "told"), DAMAGES.items(), ids=list(DAMAGES))


def spoilt_run(home: Path, damage: str, name: str = "spoilt") -> str:
    """A finished run, beside the sound one `mine`, that can't be read any more; its id."""
    run = finished_run(home)
    with Store(home) as store:
        store.rename(run.id, name)
    spoil(home, run.id, damage)
    finished_run(home)
    return run.id


# ── commands ───────────────────────────────────────────────────────────────────────────────────────────────


@CASES
def test_what_is_known_of_it_is_listed_and_shown_with_the_reason(
    run: Command, home: Path, damage: str, told: str
) -> None:
    run_id = spoilt_run(home, damage)
    listed = run("runs")
    assert (listed.status, "spoilt" in listed.out, "mine" in listed.out) == (0, True, True)
    records = {each["name"]: each for each in json.loads(run("runs", "--json").out)}
    assert told in records["spoilt"]["configuration_error"]
    assert records["spoilt"]["hyperparameters"] is None
    assert records["spoilt"]["best_accuracy"] == 0.75
    assert records["mine"]["configuration_error"] is None
    shown = run("show", "spoilt")
    assert shown.status == 0
    assert f"spoilt ({run_id}): its stored configuration can't be used: {told}" in shown.out
    assert f"`lazytrain discard {run_id}` deletes the run" in shown.out
    assert json.loads(run("show", "spoilt", "--json").out)["id"] == run_id
    assert run("report").status == 0
    assert run("report", "--json").status == 0
    assert "mine" in run("runs", "lr<1").out


@CASES
@pytest.mark.parametrize(
    "command",
    [
        ("plot",),
        ("export", "--format", "csv"),
        ("export", "--format", "weights"),
        ("report",),
        pytest.param(("mistakes",), marks=pytest.mark.slow),
    ],
    ids=" ".join,
)
def test_what_needs_it_is_refused_with_run_field_and_value(
    run: Command, home: Path, command: tuple[str, ...], damage: str, told: str
) -> None:
    spoilt_run(home, damage)
    refused = run(command[0], "spoilt", *command[1:])
    assert refused.status == 2, refused
    assert told in refused.err
    assert "Traceback" not in refused.err
    assert refused.err.count("\n") == 1


@CASES
def test_a_report_of_all_runs_leaves_it_out_and_says_so(
    run: Command, home: Path, tmp_path: Path, damage: str, told: str
) -> None:
    spoilt_run(home, damage)
    written = run("report", "-o", str(tmp_path / "all.md"))
    assert written.status == 0
    assert told in written.err
    text = (tmp_path / "all.md").read_text()
    assert "mine" in text
    assert "spoilt" not in text


@CASES
def test_studies_take_it_for_no_run_of_theirs(run: Command, home: Path, damage: str, told: str) -> None:
    spoilt_run(home, damage, "lazynet default (learning-rate)")
    planned = run("study", "learning-rate", "--set", "dataset=digits", "--set", "epochs=2", "--json")
    assert planned.status == 0, planned.err
    assert told not in planned.err


@CASES
def test_it_fails_without_ending_the_queue_and_is_not_queued_again(bench: Bench, damage: str, told: str) -> None:
    spoilt, own, good = bench.queue(), bench.queue("coolnet-v10"), bench.queue(epochs=1)
    for each in (spoilt, own):
        spoil(bench.home, each.id, damage)
    bench.train()
    assert bench.state(good) is State.FINISHED
    for each in (spoilt, own):
        failed = bench.store.run(each.id)
        assert failed.state is State.FAILED
        assert told in (failed.error or "")
    with pytest.raises(NotPossible, match=re.escape(told)):
        bench.store.resume(spoilt.id)
    assert bench.state(spoilt) is State.FAILED


@CASES
def test_to_resume_it_is_refused_with_the_reason(run: Command, home: Path, damage: str, told: str) -> None:
    run_id = spoilt_run(home, damage)
    with closing(sqlite3.connect(store_file(home))) as connection, connection:
        connection.execute("UPDATE runs SET state = 'stopped' WHERE id = ?", (run_id,))
    refused = run("resume", run_id)
    assert (refused.status, refused.out) == (2, "")
    assert told in refused.err
    with Store(home) as store:
        assert store.run(run_id).state is State.STOPPED


def test_jobs_beside_each_other_go_on_too(bench: Bench) -> None:
    spoilt, good = bench.queue(), bench.queue(epochs=1)
    spoil(bench.home, spoilt.id, "unknown field")
    from lazytrain.engine.queue.supervisor import Supervisor

    supervisor = Supervisor(bench.home, bench.home / "data", num_jobs=2, device="cpu", until_empty=True)
    bench.runners.append(supervisor)
    supervisor.start()
    bench.reaches(good, State.FINISHED)
    bench.reaches(spoilt, State.FAILED)
    assert DAMAGES["unknown field"] in (bench.store.run(spoilt.id).error or "")


# ── screens ────────────────────────────────────────────────────────────────────────────────────────────────


@CASES
async def test_monitor_says_why_and_shows_the_others(home: Path, damage: str, told: str) -> None:
    run_id = spoilt_run(home, damage)
    async with started(home) as (app, pilot):
        app.open_monitor(run_id)
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        monitor: Any = app.screen
        await until(pilot, lambda: monitor.selected is not None and monitor.selected.id == run_id)
        assert told in monitor.query_one(RunStatus).text
        assert monitor.query_one("#loss", MetricChart).empty_text == "its settings can't be read"
        await pilot.press("i")
        assert told in toasts(app)[-1]
        await pilot.press("b", "l")  # the axis, and the log, which is there
        await pilot.press("escape", "up")
        await until(pilot, lambda: monitor.selected.name == "mine")
        assert monitor.shown is not None
        assert told not in monitor.query_one(RunStatus).text
        await pilot.press("i")
        assert isinstance(app.screen, DetailsScreen)


@CASES
async def test_compare_names_it_and_compares_the_others(home: Path, damage: str, told: str) -> None:
    run_id = spoilt_run(home, damage)
    async with started(home) as (app, pilot):
        await pilot.press("3")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen) and app.screen.query("#runs"))
        compare: Any = app.screen
        await pilot.press("M")
        await until(pilot, lambda: len(compare.families) == 1)
        assert run_id in app.marks
        assert "the settings of spoilt can't be read: i says why" in str(compare.query_one("#said").render())
        compare.query_one("#runs").select(run_id)
        await pilot.press("i")
        assert told in toasts(app)[-1]
        await pilot.press("u")
        assert "can't be read" not in str(compare.query_one("#said").render())


async def test_launch_and_the_queue_above_it_go_on(home: Path) -> None:
    with Store(home) as store:
        queued = store.add_run(configuration())
    spoil(home, queued.id, "bad value")
    async with started(home) as (app, pilot):
        await pilot.press("a")
        await until(pilot, lambda: len(app.store.runs()) == 2)
        await pilot.press("s")  # a study looks for runs that are its own
        await pilot.pause()
        assert launch(app).shows_study


@pytest.mark.parametrize("name", ["a[2", "a\\", "[b]", "a\\[b", "\x1b[2J\nb", "[/bold]"])
async def test_no_name_is_read_as_markup(home: Path, name: str) -> None:
    run_id = finished_run(home).id
    with closing(sqlite3.connect(store_file(home))) as connection, connection:
        connection.execute("UPDATE runs SET name = ?", (name,))
    shown = harmless(name)
    async with started(home) as (app, pilot):
        app.open_monitor(run_id)
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and app.screen.selected is not None)
        for key, title in (("l", f"Log of {shown}"), ("i", shown), ("w", shown), ("E", f"export {shown}"), ("n", None)):
            await pilot.press(key)
            await until(pilot, lambda: not isinstance(app.screen, MonitorScreen))
            titles = [each._border_title.plain for each in app.screen.query("*") if each._border_title]  # pyright: ignore[reportPrivateUsage]
            assert any((title or shown) in each for each in titles), key
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
