"""Notices that a run ended: a real script, a real HTTP server, the terminal's bell, and what is said when they fail."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import psutil
import pytest

from lazytrain.engine.records import State
from lazytrain.engine.settings.notices import Herald, describe, post, run_command, sentence
from lazytrain.engine.settings.settings import Settings
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import Store
from lazytrain.tui.attendance import Endings, notification
from tests.helpers.bench import DEADLINE, Bench, wait_for
from tests.helpers.monitor_data import Filler

WRITES = 'cat > "{folder}/facts.json"; printf "%s|%s|%s" "$LAZYTRAIN_EVENT" "$LAZYTRAIN_NAME" "$LAZYTRAIN_ERROR"'
WRITES += ' > "{folder}/environment"'


class Answers:
    """A web server that keeps what it is sent and answers with `status`."""

    def __init__(self, status: int = 204) -> None:
        self.received: Queue[tuple[dict[str, str], Any]] = Queue()
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.put(({**self.headers}, json.loads(body)))
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002
                """Nothing is printed."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def server() -> Iterator[Answers]:
    server = Answers()
    yield server
    server.close()


@pytest.fixture
def filler(home: Path) -> Iterator[Filler]:
    filler = Filler(home)
    yield filler
    filler.journal.close()


def failed_run(filler: Filler) -> str:
    run_id = filler.queue("lazynet", name="mine")
    filler.start(run_id)
    filler.end(run_id, State.FAILED, error="loss became NaN at step 7")
    return run_id


def notify(home: Path, run_id: str, settings: Settings) -> None:
    with Store(home) as store:
        herald = Herald(home, lambda: settings)
        herald(store.run(run_id))
        herald.join()


def warnings(home: Path, run_id: str) -> list[str]:
    with Store(home) as store:
        return [message.text for message in store.messages(run_id) if message.level == "warning"]


def test_a_command_has_the_facts_in_its_environment_and_as_json(home: Path, filler: Filler) -> None:
    run_id = failed_run(filler)
    notify(home, run_id, Settings(notify_command=WRITES.format(folder=home)))
    assert (home / "environment").read_text() == "failed|mine|loss became NaN at step 7"
    facts = json.loads((home / "facts.json").read_text())
    assert facts["text"] == "mine failed: loss became NaN at step 7"
    assert (facts["run"], facts["event"], facts["home"]) == (run_id, "failed", str(home))
    assert warnings(home, run_id) == []


def test_a_webhook_gets_the_same_json(home: Path, filler: Filler, server: Answers) -> None:
    run_id = failed_run(filler)
    notify(home, run_id, Settings(notify_webhook=server.address))
    headers, facts = server.received.get(timeout=DEADLINE)
    assert headers["Content-Type"] == "application/json"
    assert (facts["run"], facts["error"]) == (run_id, "loss became NaN at step 7")
    assert warnings(home, run_id) == []


def test_only_the_ends_that_were_asked_for(home: Path, filler: Filler) -> None:
    run_id = failed_run(filler)
    notify(home, run_id, Settings(notify_command=WRITES.format(folder=home), notify_on=("finished",)))
    notify(home, run_id, Settings())
    assert not (home / "environment").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(notify_command="echo not today >&2; exit 3"), "notify_command ended with status 3: not today"),
        (Settings(notify_command="no-such-program-anywhere"), "notify_command ended with status 127"),
        (Settings(notify_webhook="http://127.0.0.1:1/"), "notify_webhook http://127.0.0.1:1/: "),
    ],
)
def test_a_failure_is_a_warning_in_the_runs_log(home: Path, filler: Filler, settings: Settings, words: str) -> None:
    run_id = failed_run(filler)
    notify(home, run_id, settings)
    (warning,) = warnings(home, run_id)
    assert warning.startswith(words)


def test_an_answer_that_is_an_error_is_told() -> None:
    server = Answers(status=500)
    try:
        assert "answered 500" in (post(server.address, {"text": "x"}) or "")
    finally:
        server.close()


def test_a_command_that_hangs_is_ended_with_what_it_started() -> None:
    # A length that no other process sleeps, to know ours by.
    length = f"600.{os.getpid():08}"

    def sleeps() -> bool:
        return any(length in (process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))

    problem = run_command(f"sleep {length} & wait", {}, seconds=0.5)
    assert problem == "notify_command took longer than 0.5 s and was ended"
    wait_for(lambda: not sleeps(), "it to be gone")


def test_a_run_that_is_discarded_meanwhile_is_no_trouble(home: Path, filler: Filler) -> None:
    run_id = failed_run(filler)
    with Store(home) as store:
        run = store.run(run_id)
        store.discard(run_id)
    herald = Herald(home, lambda: Settings(notify_command="exit 1"))
    herald(run)
    herald.join()


def test_the_runner_notifies_once_of_each_run_that_finished(home: Path) -> None:
    bench = Bench(home)
    log = home / "ended"
    runs = [bench.queue(name="one", epochs=1), bench.queue(dataset="folder:nowhere", name="two")]
    ended: list[str] = []
    herald = Herald(home, lambda: Settings(notify_command=f'echo "$LAZYTRAIN_TEXT" >> "{log}"'))
    runner = bench.runner(until_empty=True, ended=lambda run: (ended.append(run.id), herald(run)))
    assert runner.join(DEADLINE)
    herald.join()
    bench.store.close()
    assert ended == [run.id for run in runs]
    first, second = sorted(log.read_text().splitlines())
    assert first.startswith("one finished: best ")
    assert second.startswith("two failed: ")


def test_a_run_that_died_too_often_is_told_too(home: Path) -> None:
    bench = Bench(home)
    run = bench.queue(epochs=3)
    with Journal(home) as journal:
        for _ in range(2):
            journal.claim(run.id)
            journal.recover()
        journal.claim(run.id)
    ended: list[str] = []
    assert bench.runner(until_empty=True, ended=lambda run: ended.append(f"{run.id} {run.state}")).join(DEADLINE)
    bench.store.close()
    assert ended == [f"{run.id} failed"]


# ── on the screen ──────────────────────────────────────────────────────────────────────────────────────────


def test_endings_are_news_once(home: Path, filler: Filler) -> None:
    endings = Endings()
    old = failed_run(filler)
    assert endings.news(filler.journal.runs()) == []
    new = filler.queue("lazynet")
    filler.start(new)
    assert endings.news(filler.journal.runs()) == []
    filler.end(new, State.FINISHED)
    assert [run.id for run in endings.news(filler.journal.runs())] == [new]
    assert endings.news(filler.journal.runs()) == []
    filler.journal.resume(old)
    assert endings.news(filler.journal.runs()) == []
    filler.journal.stop(old)
    assert [run.id for run in endings.news(filler.journal.runs())] == [old]


def test_a_notification_is_one_control_sequence(home: Path, filler: Filler) -> None:
    assert notification("mine finished") == "\x1b]9;mine finished\x07"
    assert notification("a\x07\x1b]0;b\n") == "\x1b]9;a  ]0;b \x07"


def test_facts_are_json_whatever_is_unknown(home: Path, filler: Filler) -> None:
    with Store(home) as store:
        run = store.run(filler.queue("lazynet", name="mine"))
    assert json.loads(json.dumps(describe(run, home)))["best_accuracy"] is None
    assert sentence(run) == "mine queued"
