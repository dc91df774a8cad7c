"""`import lazytrain` in a program of the user's: logging, steering, and how a run ends."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lazytrain
from lazytrain.engine.records import PRINTED, Kind, Run, State
from lazytrain.engine.store.archive import read_series_history
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import SAMPLE_FORMAT, Sample
from lazytrain.engine.store.store import NotPossible, Store
from lazytrain.engine.store.trouble import StoreTrouble
from lazytrain.engine.tracking import writer
from lazytrain.engine.tracking.client import Stopped, TrackedRun
from tests.helpers import ROOT
from tests.helpers.bench import wait_for


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LAZYTRAIN_HOME", str(home))
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID", "LAZYTRAIN_PROJECT", "LAZYTRAIN_MODE"):
        monkeypatch.delenv(name, raising=False)
    yield
    lazytrain.finish()


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store(home) as store:
        yield store


def series(store: Store, run_id: str, name: str) -> list[Sample]:
    packed = store.packed_series(run_id, [name])[name]
    return [Sample(*values) for values in SAMPLE_FORMAT.iter_unpack(packed)]


def only(store: Store) -> Run:
    (run,) = store.runs()
    return run


def begin(**options: Any) -> TrackedRun:
    run = lazytrain.init(project="mnist", **options)
    assert isinstance(run, TrackedRun)
    return run


def test_what_is_logged_is_in_the_store_with_its_steps(store: Store) -> None:
    run = begin(config={"lr": 0.1}, tags=["first"], notes="a try", group="night")
    for step in range(300):
        lazytrain.log({"train/loss": 1 / (step + 1), "epoch": step // 100})
    lazytrain.log({"val/acc": np.float32(0.5)}, step=299)
    lazytrain.log({"val/acc": torch.tensor(0.75)}, step=300)
    lazytrain.finish()
    found = store.run(run.id)
    assert (found.kind, found.state, found.project, found.run_group) == (Kind.SCRIPT, State.FINISHED, "mnist", "night")
    assert (found.name, found.tags, found.note) == ("mnist", ("first",), "a try")
    loss = series(store, run.id, "train/loss")
    assert [(each.step, each.value) for each in loss] == [(step, 1 / (step + 1)) for step in range(300)]
    assert all(earlier.seconds <= later.seconds for earlier, later in itertools.pairwise(loss))
    assert [each[::2] for each in series(store, run.id, "val/acc")] == [(299, 0.5), (300, 0.75)]
    with pytest.raises(RuntimeError, match="init"):
        lazytrain.log({"x": 1.0})


def test_what_is_no_point_is_left_out_and_said_once(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    run = begin()
    for _ in range(3):
        lazytrain.log({"text": "no", "table": {"a": 1}, "many": torch.ones(2), "nan": float("nan"), "inf": np.inf})
    lazytrain.log({"a\x1b[2J": 1.0, "x" * 300: 1.0, "good": True})
    lazytrain.log({"late": 1.0}, step=1)
    lazytrain.log({"late": 2.0}, step=0)
    lazytrain.finish()
    told = capsys.readouterr().err
    assert told.count("'text' is a str, not a number: it is left out") == 1
    assert told.count("'table' is a dict") == told.count("'many' is a Tensor") == 1
    assert told.count("a metric's name has") == 1
    assert "\x1b" not in told
    assert told.count("comes after step") == 1
    assert {metric.name for metric in store.metrics(run.id)} == {"nan", "inf", "good", "late"}
    assert len(series(store, run.id, "nan")) == 3
    assert [each.step for each in series(store, run.id, "late")] == [1, 0]


def test_configuration_and_summary_are_kept_as_they_change(store: Store, home: Path) -> None:
    run = begin(config=argparse.Namespace(lr=0.1, net=torch.nn.Linear(1, 1), path=Path("a"), inf=float("inf")))
    run.config.update({"batch": 4})
    run.config.seed = 7
    run.summary["best"] = 0.9
    run.define_metric("val/*", step_metric="epoch", goal="maximize")
    lazytrain.log({"loss": 0.5, "val/acc": 0.7})
    lazytrain.alert("slow", "the loader waits", level="warn")
    assert lazytrain.config["lr"] == run.config.lr == 0.1
    lazytrain.finish()
    with_pen = writer.ScriptJournal(home)
    details = with_pen.details(run.id)
    with_pen.close()
    assert {**details["config"], "net": None} == {
        "lr": 0.1,
        "net": None,
        "path": "a",
        "inf": "inf",
        "batch": 4,
        "seed": 7,
    }
    assert details["summary"] == {"best": 0.9, "loss": 0.5, "val/acc": 0.7}
    assert details["metrics"]["val/*"] == {"step_metric": "epoch", "goal": "maximize"}
    said = [(message.level, message.text) for message in store.messages(run.id)]
    assert ("warning", "slow: the loader waits") in said


def test_a_pause_holds_the_loop_and_a_stop_ends_it(store: Store) -> None:
    saved: list[int] = []
    run = begin()
    run.save_at_stop(lambda: saved.append(1))
    reached: list[int] = []

    def train() -> None:
        for number in run.steps(range(10**9)):
            run.log({"loss": 1.0})
            reached.append(number)
        run.finish()

    thread = threading.Thread(target=train)
    thread.start()
    wait_for(lambda: store.run(run.id).num_steps == 10**9 and store.run(run.id).step > 0, "progress")
    store.pause(run.id)
    wait_for(lambda: store.run(run.id).state is State.PAUSED, "the pause")
    count = len(reached)
    store.resume(run.id)
    wait_for(lambda: store.run(run.id).state is State.RUNNING and len(reached) > count, "it to go on")
    store.stop(run.id)
    thread.join(30)
    assert not thread.is_alive()
    assert (store.run(run.id).state, saved) == (State.STOPPED, [1])
    with pytest.raises(NotPossible, match=r"start that again, with lazytrain\.init\(project='mnist', name='mnist'"):
        store.resume(run.id)


def test_a_program_that_never_asks_has_finished_whatever_was_wanted(store: Store) -> None:
    run = begin()
    store.stop(run.id)
    wait_for(lambda: run._wishes.held, "the wish to be heard of")
    run.log({"loss": 1.0})
    run.finish()
    assert store.run(run.id).state is State.FINISHED


def test_a_program_that_asked_was_stopped(store: Store) -> None:
    run = begin()
    assert not run.should_stop
    store.stop(run.id)
    wait_for(lambda: run.should_stop, "the stop")
    run.finish()
    assert store.run(run.id).state is State.STOPPED


def test_asked_for_a_stop_is_raised(store: Store) -> None:
    run = begin(on_stop="raise")
    store.stop(run.id)

    def log_on() -> bool:
        lazytrain.log({"x": 1.0})
        return False

    with pytest.raises(Stopped), run:
        wait_for(log_on, "the stop")
    assert store.run(run.id).state is State.STOPPED


def test_discarded_nothing_of_it_is_left(store: Store, home: Path) -> None:
    run = begin()
    store.discard(run.id)
    wait_for(lambda: run.should_stop, "the wish")
    lazytrain.finish()
    assert store.runs() == []
    assert not (home / "runs" / run.id).exists()


def test_it_goes_on_where_it_was_left(store: Store) -> None:
    first = begin(name="a", config={"lr": 1, "seed": 1})
    lazytrain.log({"x": 1.0}, step=5)
    lazytrain.finish()
    again = begin(name="a", config={"lr": 2}, resume="must")
    lazytrain.log({"x": 2.0})
    lazytrain.finish()
    other = begin(name="a", resume="never")
    assert (again.id, other.id == first.id, other.name) == (first.id, False, "a #2")
    assert [each[::2] for each in series(store, first.id, "x")] == [(5, 1.0), (6, 2.0)]
    assert again.config == {"lr": 2, "seed": 1}
    with pytest.raises(lazytrain.CannotBegin, match="there is no run 'b' in project 'mnist'"):
        begin(name="b", resume="must")
    with pytest.raises(lazytrain.CannotBegin, match="'never', 'allow' or 'must'"):
        begin(resume="perhaps")


def test_of_several_processes_one_logs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    with lazytrain.init(project="mnist", config={"lr": 1}) as run:
        lazytrain.log({"x": 1.0})
        assert run.silent
        assert (run.config.lr, list(run.steps([1, 2]))) == (1, [1, 2])
    assert store.runs() == []


def test_a_store_in_trouble_costs_no_value_and_stops_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(writer, "RETRY_SECONDS", 0.02)
    run = begin()
    lazytrain.log({"x": 0.0})
    wait_for(lambda: bool(store.metrics(run.id)), "the first value")
    full = threading.Event()
    full.set()
    write = writer.ScriptJournal.write_series

    def write_or_fail(*arguments: Any) -> Any:
        if full.is_set():
            raise StoreTrouble("store.sqlite3: no room is left on the disk", "full")
        return write(*arguments)

    monkeypatch.setattr(writer.ScriptJournal, "write_series", write_or_fail)
    told: list[str] = []
    for number in range(1, 5):
        lazytrain.log({"x": float(number)})
        told.append(capsys.readouterr().err)

    def is_told() -> bool:
        told.append(capsys.readouterr().err)
        return "kept in memory" in "".join(told)

    wait_for(is_told, "the warning")
    full.clear()
    lazytrain.log({"x": 5.0})
    lazytrain.finish()
    assert [each.value for each in series(store, run.id, "x")] == [0, 1, 2, 3, 4, 5]
    assert store.run(run.id).state is State.FINISHED
    assert "".join(told).count("kept in memory") == 1


def test_a_store_that_was_replaced_takes_the_run_up(store: Store, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "SAVE_SECONDS", 0.0)
    run = begin()
    lazytrain.log({"x": 1.0})
    wait_for(lambda: bool(read_series_history(home / "runs" / run.id)), "the first value in the folder")
    with Journal(home) as journal:
        # As an older copy of the store has it.
        journal.connection.execute("DELETE FROM runs WHERE id = ?", (run.id,))
    lazytrain.log({"x": 2.0})
    wait_for(lambda: any(each.id == run.id for each in store.runs()), "it to be known again")
    wait_for(lambda: store.run(run.id).state is State.RUNNING, "its state")
    lazytrain.finish()
    assert store.run(run.id).state is State.FINISHED
    assert [each.value for each in series(store, run.id, "x")] == [1.0, 2.0]


# ── what is printed ────────────────────────────────────────────────────────────────────────────────────────────────


def printed(store: Store, run: Run | TrackedRun) -> list[tuple[str, str]]:
    messages = store.messages(run.id, limit=20_000, details=True)
    return [(message.level, message.text) for message in messages if message.level in PRINTED]


def test_what_is_printed_is_printed_and_kept(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    run = begin()
    print("epoch 1", 0.5)
    print("\x1b[1;31mred\x1b[0m \x1b]0;title\x07and \x1b[2Jplain\tthen")
    for percent in range(0, 101, 10):
        sys.stderr.write(f"\r{percent}% of it")
    sys.stderr.write("\n")
    print("no end", end="")
    lazytrain.finish()
    print("not its own any more")
    found = printed(store, run)
    assert found == [
        ("stdout", "epoch 1 0.5"),
        ("stdout", "red and plain   then"),
        ("stderr", "100% of it"),
        ("stdout", "no end"),
    ]
    told = capsys.readouterr()
    assert told.out.startswith("epoch 1 0.5\n\x1b[1;31mred")
    assert told.err.endswith("\r100% of it\n")
    assert "write" not in vars(sys.stdout)
    assert not [message for message in store.messages(run.id) if "epoch 1" in message.text]  # of what lazytrain says


def test_the_newest_lines_of_a_flood_are_kept(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    run = begin()
    for number in range(12_000):
        print(number)
    lazytrain.finish()
    assert [text for _, text in printed(store, run)][-10_000:] == [str(number) for number in range(2_000, 12_000)]
    quiet = begin(output=False)
    print("kept nowhere")
    lazytrain.finish()
    assert printed(store, quiet) == []


def test_a_failed_programs_traceback_is_in_its_log(store: Store) -> None:
    with program("def deep(): raise ValueError('no such layer')\ndeep()") as process:
        process.communicate(timeout=120)
    text = "\n".join(text for _, text in printed(store, only(store)))
    assert "in deep" in text
    assert "ValueError: no such layer" in text


# ── processes ──────────────────────────────────────────────────────────────────────────────────────────────────────

BEGIN = "import os, sys, lazytrain\nlazytrain.init(project='mnist')\nlazytrain.log({'x': 1.0})\n"


def program(source: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + source],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("source", "state", "said"),
    [
        ("", State.FINISHED, None),
        ("raise ValueError('no such layer')", State.FAILED, "ValueError: no such layer"),
        ("sys.exit(3)", State.FAILED, "exit code 3"),
        ("sys.exit()", State.FINISHED, None),
        ("sys.exit('no data there')", State.FAILED, "no data there"),
        ("try: sys.exit(1)\nexcept SystemExit as end: assert end.code == 1", State.FINISHED, None),
        ("try: sys.exit(1)\nfinally: sys.exit(2)", State.FAILED, "exit code 2"),
        (
            "pid = os.fork()\nlazytrain.log({'y': float(pid == 0)})\nif pid == 0: sys.exit()\nos.waitpid(pid, 0)",
            State.FINISHED,
            None,
        ),
    ],
    ids=["end", "exception", "exit 3", "exit 0", "exit with words", "caught", "exit while exiting", "fork"],
)
def test_how_a_program_ends_is_how_its_run_ends(store: Store, source: str, state: State, said: str | None) -> None:
    with program(source) as process:
        _, err = process.communicate(timeout=120)
    run = only(store)
    assert (run.state, run.error or run.outcome) == (state, said), err
    assert store.messages(run.id)[-1].text == (f"{state}: {said}" if said else str(state))
    assert [each.value for each in series(store, run.id, "x")] == [1.0]
    if "fork" in source:
        assert sorted(each.value for each in series(store, run.id, "y")) == [0.0, 1.0], err


def test_whom_the_settings_name_is_told_of_the_end(store: Store, home: Path) -> None:
    told = home / "told"
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text(f"notify_command = 'cat > {told}.part; mv {told}.part {told}'\n")
    with program("raise ValueError('no such layer')") as process:
        process.communicate(timeout=120)
    wait_for(told.exists, "the notice")
    facts = json.loads(told.read_text())
    assert facts["text"] == "mnist failed: ValueError: no such layer"


@pytest.mark.skipif(os.name == "nt", reason="signals are told otherwise there")
def test_killed_it_is_interrupted_and_keeps_what_was_written(store: Store, home: Path) -> None:
    with program("print('ready', flush=True)\nsys.stdin.read()") as process:
        wait_for(lambda: any(store.metrics(run.id) for run in store.runs()), "the first value")
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    with Journal(home) as journal:
        journal.recover()
    run = only(store)
    assert (run.state, run.outcome) == (State.INTERRUPTED, "its process ended without lazytrain.finish()")
    assert [each.value for each in series(store, run.id, "x")] == [1.0]


def test_importing_it_takes_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys, lazytrain\n"
        "assert not [name for name in sys.modules if name.startswith('lazytrain.')], 'what is not needed yet'\n"
        "lazytrain.init(project='x')\nlazytrain.log({'a': 1.0})\nlazytrain.finish()\n"
        "heavy = ('torch', 'numpy', 'pydantic', 'textual', 'rich', 'plotext')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


def test_what_was_logged_before_something_is_written_before_it(store: Store) -> None:
    # Both came while the writer was at work on what was asked before.
    run, found, looked = begin(), list[str](), threading.Event()

    def look(journal: ScriptJournal) -> None:
        found.extend(metric.name for metric in journal.metrics(run.id))
        looked.set()

    def late(_: ScriptJournal) -> None:
        run.log({"loss": 0.5})
        run._do(look)

    run._do(late)
    assert looked.wait(60)
    assert found == ["loss"]
    run.finish()
    assert store.details(run.id)["summary"] == {"loss": 0.5}
