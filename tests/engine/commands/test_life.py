"""A command's life, lived in a thread here: its output kept, paused, stopped, and how it ends."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from lazytrain.engine.commands import ending
from lazytrain.engine.commands.life import CommandLife
from lazytrain.engine.commands.preparing import prepare_command
from lazytrain.engine.commands.surroundings import surroundings
from lazytrain.engine.records import Kind, Run, State
from lazytrain.engine.store.command_journal import CommandJournal
from lazytrain.engine.store.locks import FileLock
from lazytrain.engine.store.printed import MOST_LINES, SPARE_LINES
from lazytrain.engine.store.series import SAMPLE_FORMAT
from lazytrain.engine.store.store import RunNotFound, Store
from tests.helpers import ROOT
from tests.helpers.bench import DEADLINE, wait_for

pytestmark = pytest.mark.skipif(os.name != "posix", reason="commands need process groups")

BAR = r"for i in range(1, 4): sys.stderr.write(f'\r{i}/3 [00:01<00:02, 1it/s, loss={1 / i}]')"
HANGS = "print('ready', flush=True); time.sleep(600)"


class Life:
    """A queued command that is run in a thread."""

    def __init__(self, home: Path, store: Store, run: Run, may_train: Callable[[], str | None]) -> None:
        self.home, self.store, self.id = home, store, run.id
        self._may_train = may_train
        self._heard, self._told = os.pipe()
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def _live(self) -> None:
        with CommandJournal(self.home) as journal, FileLock(journal.run_folder(self.id) / "lock") as lock:
            run = journal.claim(self.id)
            assert run is not None
            CommandLife(journal, run, lock, "cpu", self._heard, may_train=self._may_train).live()

    @property
    def run(self) -> Run:
        return self.store.run(self.id)

    @property
    def printed(self) -> list[tuple[str, str]]:
        return [(each.level, each.text) for each in self.store.printed(self.id, limit=MOST_LINES)]

    @property
    def process(self) -> int:
        return self.store.details(self.id)["process"]

    def values(self, name: str) -> list[tuple[int, float]]:
        packed = self.store.packed_series(self.id, [name])[name]
        return [each[::2] for each in SAMPLE_FORMAT.iter_unpack(packed)]

    def says(self, text: str) -> None:
        wait_for(lambda: ("stdout", text) in self.printed, f"{text!r} in the log")

    def reaches(self, state: State) -> None:
        wait_for(lambda: self.run.state is state, str(state))

    def tell(self, word: bytes) -> None:
        os.write(self._told, word)

    def let_go(self) -> None:
        """What its runner's death does."""
        with contextlib.suppress(OSError):
            os.close(self._told)

    def ends(self) -> Run:
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        return self.run


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store(home) as store:
        yield store


@pytest.fixture
def start(home: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Life]]:
    """Runs Python source, or any words, as a queued command."""
    monkeypatch.setattr(ending, "LINGER_SECONDS", 0.05)
    (home / "settings.toml").write_text("stop_grace_seconds = 0.3\n")
    lives: list[Life] = []

    def begin(
        *words: str,
        again: str = "",
        env: Mapping[str, str] | None = None,
        may_train: Callable[[], str | None] = lambda: None,
    ) -> Life:
        if again:
            run = store.resume(again)
        else:
            if len(words) == 1:
                words = (sys.executable, "-c", f"import os, signal, sys, time\n{words[0]}")
            environment = {"PYTHONPATH": str(ROOT), **(env or {})}
            run = store.add_command(prepare_command(words, folder=home, environment=environment), "mine")
        lives.append(Life(home, store, run, may_train))
        return lives[-1]

    yield begin
    for each in lives:
        each.let_go()
        each._thread.join(DEADLINE)


def is_alive(process: int) -> bool:
    """Whether it runs: one that has ended and wasn't waited for counts as gone."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, 0)
            return not Path("/proc/self").exists()
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


# ── what it prints ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_it_prints_is_kept_and_read(start: Callable[..., Life], home: Path) -> None:
    life = start(
        rf"print('in', os.getcwd(), os.environ['MINE'], '\x1b[2Jclear')"
        f"\n{BAR}"
        "\nsys.stderr.write('\\nwarning: careful\\n'); print(\"{'eval_loss': 0.5}\")",
        env={"MINE": "yes"},
    )
    run = life.ends()
    assert (run.kind, run.state, run.outcome) == (Kind.COMMAND, State.FINISHED, "exit status 0")
    assert ("stdout", f"in {home} yes clear") in life.printed
    bars = [text for level, text in life.printed if level == "stderr"]
    assert [bar[:3] for bar in bars] == ["3/3", "war"], "of a bar its last state"
    assert life.values("loss") == [(step, 1 / step) for step in (1, 2, 3)]
    assert [value for _, value in life.values("eval_loss")] == [0.5]
    assert (run.step, run.num_steps) == (3, 3)
    details = life.store.details(run.id)
    assert (details["exit_status"], details["from_output"]) == (0, ["eval_loss", "loss"])
    assert details["summary"] == {"eval_loss": 0.5, "loss": 1 / 3}
    assert life.store.messages(run.id) == [
        each for each in life.store.messages(run.id, details=True) if each.level not in ("stdout", "stderr")
    ]


def test_a_line_in_two_pieces_is_read_once(start: Callable[..., Life]) -> None:
    pieces = "for i in (1, 2): sys.stdout.write('loss: 0.5'); sys.stdout.flush(); time.sleep(0.3); print()"
    life = start(pieces)
    life.ends()
    assert life.values("loss") == [(1, 0.5), (2, 0.5)]


def test_a_flood_is_bounded(start: Callable[..., Life]) -> None:
    life = start("for i in range(30_000): print('line', i)")
    life.ends()
    assert len(life.printed) <= MOST_LINES
    assert life.printed[-1] == ("stdout", "line 29999")
    assert any("not kept: they came too fast" in text for _, text in life.printed)


def test_old_lines_go(home: Path, store: Store) -> None:
    run = store.add_command(prepare_command(["true"]))
    with CommandJournal(home) as journal:
        for start_at in range(0, MOST_LINES + 3 * SPARE_LINES, SPARE_LINES):
            lines = [(0.0, "stdout", str(number)) for number in range(start_at, start_at + SPARE_LINES)]
            journal.write_output(run.id, lines, {}, {})
    printed = store.printed(run.id, limit=10**6)
    assert len(printed) == MOST_LINES
    assert printed[-1].text == str(MOST_LINES + 3 * SPARE_LINES - 1)


# ── how it ends ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "error", "status"),
    [
        ("sys.exit(3)", "exit status 3", 3),
        ("raise ValueError('no such layer')", "exit status 1: ValueError: no such layer", 1),
        ("sys.stderr.write('bad\\n\\n'); os.kill(os.getpid(), 11)", "SIGSEGV, segmentation fault: bad", -11),
    ],
)
def test_a_failure_says_how_and_its_last_line(start: Callable[..., Life], source: str, error: str, status: int) -> None:
    life = start(source)
    run = life.ends()
    assert (run.state, run.error) == (State.FAILED, error)
    assert life.store.details(run.id)["exit_status"] == status


def test_a_program_that_cant_be_started(start: Callable[..., Life], home: Path) -> None:
    script = home / "script"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    run = start(str(script), "").ends()
    assert run.state is State.FAILED
    assert "can't be started" in (run.error or "")
    assert "No such file" in (run.error or "")


def test_what_it_leaves_running_ends_with_it(start: Callable[..., Life]) -> None:
    life = start("sh", "-c", "sleep 600 & echo $!")
    assert life.ends().state is State.FINISHED
    assert not is_alive(int(life.printed[0][1]))


# ── steering ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pause_halts_all_its_processes(start: Callable[..., Life], store: Store) -> None:
    life = start("pid = os.fork()\nwhile True: os.write(1, b'parent\\n' if pid else b'child\\n'); time.sleep(0.01)")
    life.says("child")
    store.pause(life.id)
    life.reaches(State.PAUSED)
    wait_for(lambda: Path(f"/proc/{life.process}/stat").read_text().split()[2] == "T", "it to be halted")
    seconds = life.run.seconds
    store.resume(life.id)
    life.reaches(State.RUNNING)
    wait_for(lambda: life.run.seconds > seconds, "it to go on")
    store.stop(life.id)
    run = life.ends()
    assert (run.state, run.outcome) == (State.STOPPED, "by a person (SIGTERM, terminated)")
    said = [message.text for message in store.messages(life.id)]
    assert "paused: its processes are halted" in said
    assert "goes on" in said


def test_a_stop_that_isnt_heard_becomes_a_kill(start: Callable[..., Life], store: Store) -> None:
    life = start(f"signal.signal(signal.SIGTERM, signal.SIG_IGN); {HANGS}")
    life.says("ready")
    store.pause(life.id)
    life.reaches(State.PAUSED)
    store.stop(life.id)
    run = life.ends()
    assert (run.state, run.outcome) == (
        State.STOPPED,
        "by a person (SIGKILL, killed: it didn't end in 0.3 s)",
    )


def test_a_stopped_one_starts_again_from_its_beginning(start: Callable[..., Life], store: Store) -> None:
    life = start(f"{BAR}\n{HANGS}")
    wait_for(lambda: len(life.values("loss")) == 3, "figures")
    store.stop(life.id)
    life.ends()
    again = start(again=life.id)
    again.reaches(State.RUNNING)
    wait_for(lambda: store.details(life.id)["starts"] == 2 and len(again.values("loss")) == 3, "the same once more")
    store.discard(life.id)
    wait_for(lambda: not store.runs(), "it to be gone")


def test_the_settings_hours_halt_it(start: Callable[..., Life]) -> None:
    closed: list[str | None] = [None]
    life = start(HANGS, may_train=lambda: closed[0])
    life.says("ready")
    closed[0] = "waits until 23:00"
    life.reaches(State.PAUSED)
    assert life.run.error == "waits until 23:00"
    closed[0] = None
    life.reaches(State.RUNNING)
    life.tell(b"s")
    run = life.ends()
    assert (run.state, run.outcome) == (State.STOPPED, "the program that ran it ended")


def test_it_ends_with_its_runner(start: Callable[..., Life]) -> None:
    life = start(HANGS)
    life.says("ready")
    process = life.process
    life.let_go()
    run = life.ends()
    assert (run.state, run.outcome) == (
        State.INTERRUPTED,
        "the process that ran it ended, and the command with it",
    )
    assert not is_alive(process)


# ── a program that logs by itself ──────────────────────────────────────────────────────────────────────────────────

LOGS = """
import lazytrain
print('loss: 9.0')
run = lazytrain.init(project='mnist', config={'batch': 4, 'lr': 0.2}, tags=['night'])
for step in run.steps(range(10**6)):
    run.log({'train/loss': 1.0})
    time.sleep(0.005)
print('leaves', run.should_stop)
lazytrain.finish()
other = lazytrain.init(project='other')
print('other', other.id)
lazytrain.finish()
sys.exit(int(os.environ.get('STATUS', 0)))
"""


def test_a_program_that_logs_pauses_and_stops_by_itself(start: Callable[..., Life], store: Store, home: Path) -> None:
    life = start(LOGS, env={"STATUS": "3"})
    wait_for(lambda: len(life.values("train/loss")) > 3, "what it logs")
    assert life.values("loss") == [], "what was read off before is taken back"
    assert (life.run.project, life.run.tags, life.run.name) == ("mnist", ("night",), "mine")
    store.pause(life.id)
    life.reaches(State.PAUSED)
    assert Path(f"/proc/{life.process}/stat").read_text().split()[2] != "T", "it waits by itself"
    store.resume(life.id)
    life.reaches(State.RUNNING)
    store.stop(life.id)
    run = life.ends()
    assert ("stdout", "leaves True") in life.printed
    assert (run.state, run.outcome) == (State.STOPPED, "by a person (exit status 3)")
    details = store.details(run.id)
    assert (details["config"], details["exit_status"]) == ({"batch": 4, "lr": 0.2}, 3)
    assert details["command"] == store.command(run.id).line, "what was queued, not what the program says of itself"
    assert sorted((each.kind, each.state) for each in store.runs()) == [
        (Kind.COMMAND, State.STOPPED),
        (Kind.SCRIPT, State.FINISHED),
    ], "the second run that it begins is its own"


def test_the_exit_status_decides(start: Callable[..., Life], store: Store) -> None:
    ended = "import lazytrain\nwith lazytrain.init(project='a') as run: run.log({'x': 1.0})\nprint('on'); sys.exit(4)"
    life = start(ended)
    run = life.ends()
    assert (run.state, run.error) == (State.FAILED, "exit status 4")
    goes_on = start(again=life.id)
    assert goes_on.ends().state is State.FAILED
    assert goes_on.values("x") == [(0, 1.0)], "begun anew"


def test_the_environment_is_the_runners_with_what_was_added(home: Path) -> None:
    command = prepare_command(["true"], environment={"A": "1"}, needs="cpu", surroundings={"PATH": "/bin:/usr/bin"})
    outer = {"PATH": "/elsewhere", "CUDA_VISIBLE_DEVICES": "4,7", "B": "2"}
    found = surroundings(command, "abc", str(home), "cuda:1", outer)
    assert found == {
        **{"PATH": "/bin:/usr/bin", "A": "1", "B": "2", "PYTHONUNBUFFERED": "1", "CUDA_VISIBLE_DEVICES": ""},
        **{"LAZYTRAIN_HOME": str(home), "LAZYTRAIN_RUN": "abc"},
    }
    anywhere = command.model_copy(update={"needs": None})
    assert surroundings(anywhere, "abc", "", "cuda:1", outer)["CUDA_VISIBLE_DEVICES"] == "7"
    assert surroundings(anywhere, "abc", "", "cuda:0", {})["CUDA_VISIBLE_DEVICES"] == "0"
    assert "CUDA_VISIBLE_DEVICES" not in surroundings(anywhere, "abc", "", "cpu", {})


def test_a_discarded_one_leaves_nothing(start: Callable[..., Life], store: Store) -> None:
    life = start(HANGS)
    life.says("ready")
    process = life.process
    store.discard(life.id)
    with pytest.raises(RunNotFound):
        life.ends()
    assert not is_alive(process)
