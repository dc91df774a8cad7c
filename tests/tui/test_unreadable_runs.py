"""A stored run that can't be read ends no screen and no command: it is told of, and the others go on."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lazytrain.engine.confusion import Confusion
from lazytrain.engine.places import store_file
from lazytrain.engine.records import State
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample
from lazytrain.engine.store.store import NotPossible, Store
from lazytrain.presets.plain_text import harmless
from lazytrain.tui.charts.chart import MetricChart
from lazytrain.tui.screens.compare import CompareScreen
from lazytrain.tui.screens.details import DetailsScreen
from lazytrain.tui.screens.monitor import MonitorScreen
from lazytrain.tui.widgets.run_status import RunStatus
from tests.helpers import command_line
from tests.helpers.bench import Bench, configuration, epoch_record
from tests.helpers.command_line import Command, finished_run
from tests.helpers.launch_app import launch, started, toasts, until
from tests.helpers.monitor_data import Filler
from tests.helpers.unreadable_runs import DAMAGES, spoil

run = command_line.run
CASES = pytest.mark.parametrize(("damage", "told"), DAMAGES.items(), ids=list(DAMAGES))


def spoilt_run(home: Path, damage: str, name: str = "spoilt") -> str:
    """A finished run, beside the sound one `mine`, that can't be read any more; its id."""
    run = finished_run(home)
    with Store(home) as store:
        store.rename(run.id, name)
    if damage != "none":
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
        assert monitor.own.shown is not None
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


# ── damage in other parts of a run's line ──────────────────────────────────────────────────────────────────


DAMAGED = [
    *((column, "garbage") for column in ("state", "wanted", "kind", "tags", "progress")),
    *(("tags", "[[1]]"), ("progress", "null"), ("progress", '{"phase": 5}'), ("epoch", -5), ("step", 2**63 - 1)),
    *(("num_epochs", 0), ("num_steps", 2**63 - 1), ("seconds", float("inf")), ("created", 1e308)),
]


def damage(home: Path, run_id: str, column: str, value: object) -> None:
    with closing(sqlite3.connect(store_file(home))) as connection, connection:
        connection.execute(f"UPDATE runs SET {column} = ? WHERE id = ?", (value, run_id))


@pytest.mark.parametrize(("column", "value"), DAMAGED)
def test_a_damaged_line_ends_no_list(run: Command, home: Path, column: str, value: object) -> None:
    run_id = spoilt_run(home, "none")
    damage(home, run_id, column, value)
    for command in (("runs",), ("runs", "--json"), ("show", run_id), ("plot", run_id), ("runs", "acc>1")):
        told = run(*command)
        assert told.status == 0, (command, told)
    assert "mine" in run("runs").out
    record = json.loads(run("show", run_id, "--json").out)
    if isinstance(value, str) and value not in ("null", '{"phase": 5}'):
        assert f"its line in the run store is damaged: {column} = '{value}'" in record["error"]
    if column in ("state", "wanted", "kind"):
        assert record["state"] == "failed"


def test_a_run_whose_state_is_damaged_can_be_resumed(run: Command, home: Path) -> None:
    run_id = spoilt_run(home, "none")
    damage(home, run_id, "state", "garbage")
    assert run("resume", run_id).status == 0
    assert json.loads(run("show", run_id, "--json").out)["state"] == "queued"


def test_a_script_s_damaged_details_are_told(run: Command, home: Path) -> None:
    with ScriptJournal(home) as journal:
        run_id = journal.add_script("scripted", details={"config": {"lr": 0.1}}).id
    damage(home, run_id, "details", "[1")
    assert "its stored config and summary are damaged" in run("show", run_id).out
    assert "damaged" in json.loads(run("show", run_id, "--json").out)["configuration_error"]


@pytest.mark.parametrize(
    ("table", "column"), [("chunks", "data"), ("confusions", "counts"), ("confusions", "classes"), ("samples", "data")]
)
def test_half_a_figure_is_none(run: Command, home: Path, table: str, column: str) -> None:
    filler = Filler(home)
    run_id = filler.queue("lazynet", epochs=1)
    filler.start(run_id, steps_per_epoch=100)
    filler.train(run_id, 1)
    confusion = Confusion.of(("a", "b"), (1, 2, 3, 4))
    filler.journal.write(run_id, record=epoch_record(1), confusion=confusion, series={"x": [Sample(1, 0.5, 2.0)]})
    filler.journal.close()
    with closing(sqlite3.connect(store_file(home))) as connection, connection:
        connection.execute(f"UPDATE {table} SET {column} = ?", ("x" if column == "classes" else b"abc",))
    with Store(home) as store:
        assert len(store.packed_points(run_id)) % 40 == 0
        assert len(store.packed_series(run_id, ["x"])["x"]) % 24 == 0
        assert len(store.confusions(run_id)) == (table != "confusions")
    assert run("plot", run_id).status == 0
    assert run("metrics", run_id, "x").status == 0


def test_a_name_from_outside_breaks_no_line_of_a_message(run: Command, home: Path) -> None:
    run_id = spoilt_run(home, "none")
    damage(home, run_id, "name", "two\nlines")
    assert r"two\nlines" in run("stop", run_id).err
    for command in (
        ("archive", run_id),
        ("archive", "--undo", run_id),
        ("note", run_id, "x"),
        ("rename", run_id, "new"),
    ):
        told = run(*command)
        assert (told.status, told.out.count("\n")) == (0, 1), told
