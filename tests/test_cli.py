"""The command line: what each subcommand prints, its exit status, and training without a screen."""

from __future__ import annotations

import io
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from engine.configuration import RunConfiguration
from engine.events import EpochRecord, Progress, RunStarted
from engine.journal import Journal
from engine.records import Run, State
from engine.store import Store
from presets import Hyperparameters, load_catalogue
from tui.__main__ import find_foreign_package, main
from tui.follow import follow_run
from tui.interrupts import Interrupts
from tui.reporters import PLAIN_SECONDS, PlainReporter, write_line
from tui.start import find_screen_problem

ROOT = Path(__file__).resolve().parent.parent
QUICK = ("--set", "dataset=digits", "--set", "epochs=1", "--set", "batch_size=64")


@dataclass
class Result:
    status: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`run("runs", "--json")` in this process, with a home of its own."""
    monkeypatch.setenv("LAZYTRAIN_HOME", str(home))
    monkeypatch.delenv("LAZYTRAIN_DATA", raising=False)

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        status = main(list(arguments))
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


@contextmanager
def start(*arguments: str, home: Path, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """`python -m tui …` as a process of its own, which doesn't outlive the test."""
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home), "OMP_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", *arguments], cwd=ROOT, env=environment, text=True, **{**pipes, **options}
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def configuration(**values: Any) -> RunConfiguration:
    return RunConfiguration(
        architecture_name="lazynet",
        architecture=load_catalogue().architecture("lazynet"),
        hyperparameters_name="quick",
        hyperparameters=Hyperparameters(dataset="digits", **values),
    )


def finished_run(home: Path, train_loss: float = 1.5) -> Run:
    """A run of two epochs, written as a trainer would."""
    with Journal(home) as journal:
        run_id = journal.add_run(configuration(epochs=2), "mine").id
        journal.claim(run_id)
        started = RunStarted(num_epochs=2, steps_per_epoch=361, step=0, path="eager", device="cpu", threads=1)
        journal.begin(run_id, started, "no accelerator found")
        for epoch, accuracy in ((1, 0.5), (2, 0.75)):
            record = EpochRecord(
                epoch=epoch,
                step=361 * epoch,
                train_loss=train_loss,
                train_accuracy=0.5,
                test_loss=1.25,
                test_accuracy=accuracy,
                learning_rate=0.01,
                seconds=2.0,
            )
            journal.write(run_id, record=record, best=True)
        journal.end(run_id, State.FINISHED, outcome="all epochs done")
        return journal.run(run_id)


# ── without a screen ───────────────────────────────────────────────────────────────────────────────────────


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_started_without_a_terminal_it_names_train_and_work(run: Command) -> None:
    for arguments in ((), ("--device", "cpu")):
        result = run(*arguments)
        assert result.status == 2
        assert "`lazytrain train ARCHITECTURE`" in result.err
        assert "`lazytrain work`" in result.err
        assert result.err.count("\n") == 1, "one sentence"
        assert result.out == ""


def test_a_dumb_terminal_is_none() -> None:
    assert find_screen_problem(Terminal(), Terminal(), {"TERM": "xterm"}) is None
    assert "dumb" in str(find_screen_problem(Terminal(), Terminal(), {"TERM": "dumb"}))
    assert "standard input" in str(find_screen_problem(io.StringIO(), Terminal(), {}))
    assert "standard error" in str(find_screen_problem(Terminal(), None, {}))


def test_another_package_of_the_same_name_is_named(tmp_path: Path) -> None:
    assert find_foreign_package(ROOT) is None
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("")
    code = "import sys; sys.path.insert(1, sys.argv[1]); from tui.__main__ import main; sys.exit(main(['runs']))"
    process = subprocess.run(
        [sys.executable, "-c", code, str(ROOT)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert f"another package named 'engine' ({tmp_path / 'engine'}) hides lazytrain's own" in process.stderr
    assert process.stderr.count("\n") == 1


def test_version_and_help(run: Command) -> None:
    assert run("--version").out.startswith("lazytrain ")
    shown = run("--help").out
    for verb in ("presets", "train", "queue", "work", "runs", "show", "pause", "resume", "stop", "discard", "doctor"):
        assert re.search(rf"^  {verb} ", shown, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments",
    [
        ("presets",),
        ("presets", "--json"),
        ("runs",),
        ("runs", "--json"),
        ("show", "mine"),
        ("rename", "mine", "yours"),
        ("resume", "mine"),
        ("discard", "mine", "--yes"),
        ("queue", "lazynet", "quick"),
    ],
)
def test_looking_and_asking_import_neither_torch_nor_textual(home: Path, arguments: tuple[str, ...]) -> None:
    finished_run(home)
    code = (
        "import sys\nfrom tui.__main__ import main\nmain(sys.argv[1:])\n"
        "sys.exit(f'imported: {found}' if (found := {'torch', 'textual', 'plotext'} & set(sys.modules)) else 0)"
    )
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home)}
    process = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr


def test_folders_are_given_before_or_after_the_subcommand(run: Command, home: Path) -> None:
    other = home / "other"
    assert run("queue", "lazynet", "quick", "--home", str(other)).status == 0
    assert run("--home", str(other), "runs").out.count("lazynet quick") == 1
    assert "no runs yet" in run("runs").out


# ── presets ────────────────────────────────────────────────────────────────────────────────────────────────


def test_presets_lists_what_there_is_and_what_is_broken(run: Command, home: Path) -> None:
    folder = home / "presets" / "architectures"
    folder.mkdir(parents=True)
    (folder / "wide.toml").write_text('title = "wide"\nlayers = [{ linear = 2 }]')
    (folder / "broken.toml").write_text('title = "broken"\nlayers = [{ linear = -2 }]')
    shown = run("presets")
    assert shown.status == 0
    assert re.search(r"^coolnet-v10 +62,006 ", shown.out, re.MULTILINE)
    assert re.search(r"^wide \(yours\) +6,176", shown.out, re.MULTILINE)
    assert re.search(r"^mse +.*epochs 200", shown.out, re.MULTILINE)
    assert f"broken: {folder / 'broken.toml'}: layers.1.linear = -2" in shown.out

    listed = json.loads(run("presets", "--json").out)
    architectures = {preset["name"]: preset for preset in listed["architectures"]}
    assert architectures["coolnet-v10"]["parameters"] == 62_006
    assert architectures["wide"]["origin"] == "yours"
    assert "layers.1.linear" in architectures["broken"]["error"]
    hyperparameters = {preset["name"]: preset for preset in listed["hyperparameters"]}
    assert hyperparameters["lr-10"]["changed"] == ["learning_rate"]
    assert hyperparameters["lr-10"]["values"]["batch_size"] == 4


# ── what is refused before it starts ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("verb", ["train", "queue"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("coolnet",), "no architecture preset 'coolnet'; there are: coolnet-v10"),
        (("lazynet", "fast"), "no hyperparameters preset 'fast'; there are: quick"),
        (("lazynet", "quick", "--set", "epochs"), "write field=value"),
        (("lazynet", "quick", "--set", "epochs=0"), "--set: epochs = 0: must be greater than or equal to 1"),
        (("lazynet", "quick", "--set", "epoch=1"), "did you mean epochs?"),
        (("lazynet", "quick", "--set", "dataset=folder:/nowhere"), "/nowhere"),
        (("lazynet", "quick", "--device", "abacus"), "device 'abacus' is not here; there is: "),
        (("coolnet-v9", "quick"), "layer 6 (maxpool 4): input 16×3×3"),
    ],
)
def test_refusals_are_a_sentence_and_status_2(
    run: Command, home: Path, verb: str, arguments: tuple[str, ...], words: str
) -> None:
    folder = home / "presets" / "architectures"
    folder.mkdir(parents=True)
    (folder / "coolnet-v9.toml").write_text(
        'title = "CoolNet v9"\nlayers = [{ conv = 6, kernel = 5 }, "relu", { maxpool = 4 }, '
        '{ conv = 16, kernel = 5 }, "relu", { maxpool = 4 }, { linear = 120 }, "relu", { linear = 84 }, "relu"]'
    )
    result = run(verb, *arguments)
    assert result.status == 2
    assert words in result.err
    assert result.err.startswith("lazytrain: ")
    assert "Traceback" not in result.err
    assert result.out == ""
    assert json.loads(run("runs", "--json").out) == [], "nothing was queued"
    if "coolnet-v9" in arguments:
        assert "coolnet-v9.toml" in result.err
        assert "window 4×4" in result.err


def test_an_unknown_run_is_refused(run: Command) -> None:
    for verb in ("show", "pause", "resume", "stop", "discard"):
        result = run(verb, "nonsense")
        assert (result.status, result.out) == (2, "")
        assert "no run 'nonsense'" in result.err


def test_a_newer_store_is_refused_in_a_sentence(run: Command, home: Path) -> None:
    with Store(home) as store:
        store.connection.execute("PRAGMA user_version = 99")
    result = run("runs")
    assert result.status == 2
    assert f"{home / 'store.sqlite3'}: made by a newer lazytrain" in result.err


def test_a_damaged_store_is_set_aside(run: Command, home: Path) -> None:
    home.mkdir()
    (home / "store.sqlite3").write_text("no database at all, whatever its name says")
    assert run("runs").status == 0
    (aside,) = home.glob("store.damaged-*.sqlite3")
    assert aside.read_text().startswith("no database at all")


# ── queue, wishes, names ───────────────────────────────────────────────────────────────────────────────────


def test_queue_only_queues_and_prints_the_id(run: Command, home: Path) -> None:
    result = run("queue", "coolnet-v10", "quick", "--set", "learning_rate=0.1", "--set", "augmentation.flip=0.5")
    assert result.status == 0
    with Store(home) as store:
        (queued,) = store.runs()
        values = store.configuration(queued.id)
    assert result.out == f"{queued.id}\n"
    assert (queued.state, queued.name) == (State.QUEUED, "coolnet-v10 quick lr=0.1 augmentation.flip=0.5")
    assert (values.edits, values.hyperparameters.augmentation.flip) == (("learning_rate", "augmentation.flip"), 0.5)
    assert run("queue", "lazynet", "quick", "--name", "mine").status == 0
    assert "mine" in run("runs").out


def test_a_relative_folder_is_made_absolute(run: Command, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "test"):
        for number in ("one", "two"):
            folder = home / "images" / split / number
            folder.mkdir(parents=True)
            (folder / "1.png").write_bytes(b"looked at only when it is decoded")
    monkeypatch.chdir(home)
    assert run("queue", "lazynet", "--set", "dataset=folder:images").status == 0
    with Store(home) as store:
        assert store.find("last").dataset == f"folder:{home / 'images'}"


def test_wishes_on_a_queued_run(run: Command, home: Path) -> None:
    run("queue", "lazynet", "quick", "--name", "mine")
    refused = run("pause", "mine")
    assert refused.status == 2
    assert "mine is queued: only a run that is being trained can be paused" in refused.err
    assert "stopped: mine" in run("stop", "mine").out
    assert run("stop", "mine").status == 2
    assert "`lazytrain work` trains the queue" in run("resume", "mine").out
    with Store(home) as store:
        assert store.find("mine").state is State.QUEUED
    assert run("rename", "mine", "yours").out == "mine is now yours\n"
    assert run("rename", "yours", " ").status == 2


def test_discard_asks_or_needs_yes(run: Command, home: Path) -> None:
    finished_run(home)
    refused = run("discard", "mine")
    assert refused.status == 2
    assert "--yes" in refused.err
    assert "mine" in run("runs").out
    assert run("discard", "mine", "--yes").out.startswith("discarded: mine")
    assert "no runs yet" in run("runs").out


# ── runs and show ──────────────────────────────────────────────────────────────────────────────────────────


def test_json_has_the_promised_fields(run: Command, home: Path) -> None:
    made = finished_run(home)
    (listed,) = json.loads(run("runs", "--json").out)
    assert json.loads(run("show", "mine", "--json").out) == listed
    assert listed["id"] == made.id
    promised = {
        *("id", "name", "architecture", "hyperparameters", "state", "device", "seed", "epoch", "num_epochs", "step"),
        *("num_steps", "error", "weights_sha256", "created", "started", "ended", "epochs"),
    }
    assert promised <= set(listed)
    assert set(listed["hyperparameters"]) == set(Hyperparameters.model_fields)
    assert (listed["state"], listed["device"], listed["epoch"], listed["num_epochs"]) == ("finished", "cpu", 2, 2)
    assert (listed["num_steps"], listed["error"], listed["weights_sha256"]) == (722, None, None)
    promised = {
        *("epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy", "learning_rate", "seconds"),
    }
    assert promised <= set(listed["epochs"][1])
    assert listed["epochs"][1]["test_accuracy"] == 0.75
    for moment in ("created", "started", "ended"):
        assert datetime.fromisoformat(listed[moment]).tzinfo is not None


def test_nan_is_null_in_json(run: Command, home: Path) -> None:
    finished_run(home, train_loss=float("nan"))
    shown = run("show", "last", "--json").out
    assert "NaN" not in shown
    assert json.loads(shown)["epochs"][0]["train_loss"] is None


def test_runs_and_show_for_people(run: Command, home: Path) -> None:
    made = finished_run(home)
    line = run("runs").out.splitlines()[1]
    assert re.search(rf"finished +mine +{made.id} +2/2 +75\.0 % @ 2 +75\.0 %", line)
    shown = run("show", made.id[:6]).out
    for words in ("finished  mine", "learning_rate", "best       75.0 % at epoch 2", "log", "all epochs done"):
        assert words in shown


def test_the_run_list_fits_80_columns(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from tui.output import print_runs

    made = finished_run(home)
    with Store(home) as store:
        store.rename(made.id, "a name that is much longer than any terminal of eighty columns could ever show whole")
        shown = io.StringIO()
        print_runs(store.runs(), Console(file=shown, width=80, force_terminal=True, color_system=None))
    for line in shown.getvalue().splitlines():
        assert len(line.rstrip()) <= 80
    assert "…" in shown.getvalue()
    assert made.id in shown.getvalue()
    assert "75.0 % @ 2" in shown.getvalue()


# ── doctor ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_doctor_says_what_it_finds(run: Command, home: Path) -> None:
    shown = run("doctor")
    assert shown.status == 0
    for words in ("torch", "textual", "chosen", "threads", "bundled with scikit-learn", "TERM", "not there yet"):
        assert words in shown.out
    assert not (home / "store.sqlite3").exists(), "looking makes no store"
    finished_run(home)
    found = json.loads(run("doctor", "--json").out)
    assert found["store"]["runs"] == "1 (1 finished)"
    assert "is not here" in json.loads(run("doctor", "--json", "--device", "abacus").out)["device"]["chosen"]


# ── training ───────────────────────────────────────────────────────────────────────────────────────────────


def test_train_prints_the_id_first_and_ends_with_0(run: Command, home: Path) -> None:
    result = run("train", "lazynet", *QUICK, "--name", "mine")
    assert result.status == 0, result.err
    lines = result.out.splitlines()
    with Store(home) as store:
        trained = store.find("mine")
    assert lines[0] == trained.id
    assert "1 epochs" not in lines[1]
    assert lines[2].startswith("epoch 1/1  loss ")
    assert lines[-1].startswith("finished after ")
    assert trained.state is State.FINISHED
    assert trained.weights_sha256 is not None


def test_a_run_that_diverges_ends_with_1(run: Command, home: Path) -> None:
    values = ("--set", "learning_rate=1000", "--set", "loss=mse", "--set", "dataset=digits", "--set", "epochs=50")
    result = run("train", "boringnet", *values)
    assert result.status == 1
    assert "failed: loss became" in result.err
    assert "at step" in result.err


def test_work_trains_the_queue_and_goes_on_after_a_failure(run: Command, home: Path) -> None:
    run("queue", "boringnet", *QUICK, "--set", "learning_rate=1000", "--set", "loss=mse", "--name", "hopeless")
    run("queue", "lazynet", *QUICK, "--name", "fine")
    result = run("work")
    assert result.status == 1
    assert "hopeless" in result.err
    with Store(home) as store:
        states = {each.name: each.state for each in store.runs()}
    assert states == {"hopeless": State.FAILED, "fine": State.FINISHED}
    assert re.search(r"^fine \(\w{8}\)\n", result.out, re.MULTILINE)
    assert run("work").status == 0, "an empty queue is no failure"


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Lines of stdout up to the one that holds `words`."""
    assert process.stdout is not None
    lines = ""
    for line in process.stdout:
        lines += line
        if words in line:
            return lines
    raise AssertionError(f"ended without {words!r}: {lines}")


def test_ctrl_c_stops_and_keeps(home: Path) -> None:
    with start("train", "lazynet", "quick", "--set", "epochs=5000", home=home) as process:
        started = read_until(process, "epoch    1/5000")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    run_id = started.splitlines()[0]
    assert process.returncode == 130, err
    assert "Ctrl-C again ends at once" in out
    assert f"`lazytrain resume {run_id}`" in err
    with Store(home) as store:
        stopped = store.run(run_id)
        assert stopped.state is State.STOPPED
        assert stopped.step > 0
        assert store.resume(run_id).state is State.QUEUED


def test_sigterm_stops_and_keeps_with_143(home: Path) -> None:
    with Store(home) as store:
        run_id = store.add_run(configuration(epochs=5000)).id
    with start("work", home=home) as process:
        read_until(process, "epoch    1/5000")
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 143
    with Store(home) as store:
        assert store.run(run_id).state in (State.STOPPED, State.QUEUED)


def test_a_busy_device_is_named_and_awaited(home: Path) -> None:
    with (
        start("train", "lazynet", "quick", "--set", "epochs=5000", "--name", "busy", home=home) as busy,
        Store(home) as store,
    ):
        read_until(busy, "epoch    1/5000")
        with start("train", "lazynet", *QUICK, "--name", "next", home=home) as waiting:
            assert waiting.stdout is not None
            assert waiting.stderr is not None
            run_id = waiting.stdout.readline().strip()
            assert store.find("next").id == run_id
            assert re.match(r"waits for cpu: held by .*\(process \d+\)", waiting.stderr.readline())
            assert store.find("next").state is State.QUEUED
            store.stop(store.find("busy").id)
            out, err = waiting.communicate(timeout=120)
        assert busy.wait(timeout=60) == 130, "stopped from elsewhere, and kept"
    assert waiting.returncode == 0, err
    assert "finished after" in out


def test_a_reader_that_goes_away_ends_no_run(home: Path) -> None:
    read, write = os.pipe()
    with start("train", "lazynet", *QUICK, home=home, stdout=write) as process:
        os.close(write)
        assert select.select([read], [], [], 60)[0]
        run_id = os.read(read, 8).decode()
        os.close(read)
        assert process.wait(timeout=60) == 0
    with Store(home) as store:
        assert store.run(run_id).state is State.FINISHED


# ── following, with a runner that does as it is told ───────────────────────────────────────────────────────


@dataclass
class Status:
    phase: str = "training"
    text: str = ""
    device: str | None = "cpu"
    error: str | None = None


@dataclass
class ToldRunner:
    """Does `work` when it is started, and has ended then."""

    work: Callable[[], None]
    status: Any = field(default_factory=Status)
    screenless: bool = False

    def halt(self, seconds: float) -> bool:
        return True

    def go_on(self) -> None: ...

    def start(self) -> None:
        self.work()

    def nudge(self) -> None: ...

    def stop(self) -> None: ...

    def join(self, timeout: float | None = None) -> bool:
        return True


@dataclass
class Story:
    """A reporter that remembers."""

    said: list[str] = field(default_factory=list)
    warned: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def show(self, run: Run) -> None: ...

    def show_epoch(self, run: Run, record: EpochRecord) -> None: ...

    def close(self) -> None: ...


def follow(home: Path, work: Callable[[Journal, str], None], status: Status | None = None) -> tuple[int, Story]:
    story = Story()
    with Journal(home) as journal, Store(home) as store, Interrupts() as interrupts:
        run_id = store.add_run(configuration(), "mine").id
        runner = ToldRunner(lambda: work(journal, run_id), status or Status())
        return follow_run(store, run_id, lambda: runner, story, interrupts), story


def test_a_discarded_run_ends_with_1(home: Path) -> None:
    status, story = follow(home, lambda journal, run_id: journal.discard(run_id))
    assert status == 1
    assert "discarded" in story.warned[-1]


def test_a_runner_that_cannot_train_says_why_and_leaves_the_run_queued(home: Path) -> None:
    status, story = follow(home, lambda *_: None, Status(phase="ended", error="the device is gone"))
    assert status == 1
    assert re.match(r"the device is gone; run \w{8} stays in the queue", story.warned[-1])


def test_warnings_of_the_log_are_told_and_the_end_only_once(home: Path) -> None:
    def work(journal: Journal, run_id: str) -> None:
        journal.claim(run_id)
        journal.say(run_id, "3 images skipped", "warning")
        journal.say(run_id, "of no interest here")
        journal.end(run_id, State.FAILED, error="loss became nan")

    status, story = follow(home, work)
    assert status == 1
    assert story.warned[0] == "warning: 3 images skipped"
    assert [line for line in story.warned if "loss became nan" in line] == story.warned[1:]
    assert len(story.warned) == 2


def test_ctrl_c_takes_a_queued_run_out_of_the_queue(home: Path) -> None:
    def work(journal: Journal, run_id: str) -> None:
        signal.raise_signal(signal.SIGINT)

    status, story = follow(home, work, Status(phase="waiting", text="waits for cpu"))
    assert status == 130
    assert "waits for cpu" in story.warned
    with Store(home) as store:
        assert store.find("mine").state is State.STOPPED


def test_a_second_ctrl_c_ends_at_once() -> None:
    ended: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    with Interrupts(ended.append) as interrupts:
        signal.raise_signal(signal.SIGINT)
        assert (interrupts.received, ended) == (signal.SIGINT, [])
        signal.raise_signal(signal.SIGINT)
        assert ended == [130]
        signal.raise_signal(signal.SIGTERM)
        assert ended == [130, 143]
    assert signal.getsignal(signal.SIGINT) is before


def test_plain_lines_about_steps_are_ten_seconds_apart(home: Path) -> None:
    now = 0.0
    out = io.StringIO()
    reporter = PlainReporter(out, io.StringIO(), clock=lambda: now)
    with Journal(home) as journal:
        run_id = journal.add_run(configuration()).id
        journal.confirm(run_id, State.RUNNING, num_steps=9000)
        progress = Progress(phase="training", done=5, total=9, step=1200, epoch=3, loss=0.5, accuracy=0.25)
        journal.write(run_id, progress=progress)
        run = journal.run(run_id)
    for seconds in (1.0, PLAIN_SECONDS - 0.1, PLAIN_SECONDS, PLAIN_SECONDS + 5, 2 * PLAIN_SECONDS):
        now = seconds
        reporter.show(run)
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 3/50  step 1,200/9,000  loss 0.500  accuracy 25.0 %")


def test_write_line_survives_a_closed_pipe() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        write_line(stream, "unheard")
        write_line(stream, "and again")
