"""What a trainer's death leaves, and which runners live."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lazytrain.engine.records import Run, RunnerRecord, State
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock
from tests.helpers import store_runs
from tests.helpers.store_runs import configuration

journal, running = store_runs.journal, store_runs.running


TRAINER = """
import sys
from pathlib import Path
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.locks import FileLock
home, run_id = Path(sys.argv[1]), sys.argv[2]
with Journal(home) as journal:
    lock = FileLock(journal.run_folder(run_id) / "lock")
    lock.acquire()
    journal.claim(run_id)
    print("claimed", flush=True)
    sys.stdin.read()
"""


def test_a_killed_trainers_run_goes_in_front_of_the_queue(journal: Journal, home: Path) -> None:
    doomed = journal.add_run(configuration(), "doomed")
    waiting = journal.add_run(configuration(), "waiting")
    with subprocess.Popen(
        [sys.executable, "-c", TRAINER, str(home), doomed.id], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as trainer:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == b"claimed\n"
        assert journal.recover() == [], "its trainer lives"
        assert journal.run(doomed.id).state is State.STARTING
        trainer.kill()
        trainer.wait()
    assert journal.recover(but={doomed.id}) == [], "whoever started it will know how it ended"
    assert [run.id for run in journal.recover()] == [doomed.id]
    assert journal.queued() == [doomed.id, waiting.id]
    assert "interrupted" in journal.messages(doomed.id)[-1].text
    assert journal.recover() == []


def test_a_run_to_be_discarded_is_gone_when_its_trainer_died(journal: Journal, running: Run) -> None:
    journal.discard(running.id)
    journal.recover()
    assert journal.runs() == []


def test_only_runners_whose_lock_is_held_are_listed(journal: Journal) -> None:
    runner = RunnerRecord(
        lock="here-cpu.lock",
        host="here",
        pid=1,
        command="lazytrain work",
        device="cpu",
        device_name="a CPU",
        reason="no accelerator",
        threads=1,
        versions="",
        started=1.0,
    )
    journal.announce(runner)
    assert journal.runners() == []
    with FileLock(journal.lock_path(runner.lock)):
        assert journal.runners() == [runner]
        journal.withdraw(runner.lock)
        assert journal.runners() == []
