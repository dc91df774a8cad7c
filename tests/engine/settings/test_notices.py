"""Notices that a run ended: a real script, a real HTTP server, the terminal's bell, and what is said when they fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any, Self

import psutil
import pytest

from lazytrain.engine.places import settings_path
from lazytrain.engine.records import State
from lazytrain.engine.settings.notices import NOTICE_SECONDS, Herald, describe, run_command, sentence
from lazytrain.engine.settings.recipients import masked, without_parts
from lazytrain.engine.settings.settings import Settings
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import Store
from lazytrain.tui.attendance import Endings, notification
from tests.helpers.bench import DEADLINE, Bench, wait_for
from tests.helpers.monitor_data import Filler

WRITES = 'cat > "{folder}/facts.json"; printf "%s|%s|%s" "$LAZYTRAIN_EVENT" "$LAZYTRAIN_NAME" "$LAZYTRAIN_ERROR"'
WRITES += ' > "{folder}/environment"'


class Answers:
    """A web server that keeps what it is sent, and answers as `misbehave` does, else with 204."""

    def __init__(self, misbehave: Callable[[BaseHTTPRequestHandler, Event], object] | None = None) -> None:
        self.received: Queue[tuple[dict[str, str], Any]] = Queue()
        self.over = Event()
        """Set when the server is closed, for whoever waits instead of answering."""
        received, over = self.received, self.over

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.put(({**self.headers}, json.loads(body)))
                self.do_GET()

            def do_GET(self) -> None:
                if misbehave is not None:
                    with suppress(OSError):
                        misbehave(self, over)
                else:
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self._server.server_port}/hook-of-mine"
        self.address = f"http://{self.place}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def error(handler: BaseHTTPRequestHandler, _over: Event) -> None:
    handler.send_response(500)
    handler.end_headers()


def moved(handler: BaseHTTPRequestHandler, _over: Event) -> None:
    handler.send_response(301)
    handler.send_header("Location", "/elsewhere")
    handler.end_headers()


def round_in_circles(handler: BaseHTTPRequestHandler, _over: Event) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


def garbage(handler: BaseHTTPRequestHandler, _over: Event) -> None:
    handler.wfile.write(b"garbage\r\n")


def silence(_handler: BaseHTTPRequestHandler, over: Event) -> None:
    over.wait()


def drips(handler: BaseHTTPRequestHandler, over: Event) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not over.wait(0.05):
        handler.wfile.write(b"x")


@pytest.fixture
def server() -> Iterator[Answers]:
    with Answers() as server:
        yield server


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


def notify(home: Path, run_id: str, settings: Settings, seconds: float = NOTICE_SECONDS) -> None:
    with Store(home) as store:
        herald = Herald(home, lambda: settings, seconds)
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


def test_apprise_tells_a_service(home: Path, filler: Filler, server: Answers) -> None:
    run_id = failed_run(filler)
    notify(home, run_id, Settings(notify=(f"json://{server.place}", f"json://{server.place}?:level=night")))
    told = [server.received.get(timeout=DEADLINE)[1] for _ in range(2)]
    assert sorted(each.get("level", "") for each in told) == ["", "night"]
    for each in told:
        assert (each["title"], each["type"]) == ("mine failed", "failure")
        first, second = each["message"].splitlines()
        assert first == "mine failed: loss became NaN at step 7"
        assert second.startswith("0 of ")
        assert second.endswith(f"run {run_id}")
    assert warnings(home, run_id) == []


def test_without_apprise_the_log_says_what_brings_it(
    home: Path, filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lazytrain.engine.settings.notices.has_apprise", lambda: False)
    run_id = failed_run(filler)
    notify(home, run_id, Settings(notify=("json://one", "json://two"), notify_command="exit 7"))
    assert sorted(warnings(home, run_id)) == [
        "notify: nobody was told, since apprise isn't installed: `pip install 'lazytrain[notify]'` brings it",
        "notify_command ended with status 7",
    ]


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
        (Settings(notify_webhook="http://127.0.0.1:1/"), "notify_webhook (http://…): "),
        (Settings(notify=("json://127.0.0.1:1",)), "notify, entry 1 (json://…): A Connection error occurred"),
        (Settings(notify_command=f"{chr(0)}"), "notify_command could not be started: "),
    ],
)
def test_a_failure_is_a_warning_in_the_runs_log(home: Path, filler: Filler, settings: Settings, words: str) -> None:
    run_id = failed_run(filler)
    notify(home, run_id, settings)
    (warning,) = warnings(home, run_id)
    assert warning.startswith(words)


@pytest.mark.parametrize(
    ("misbehave", "webhook_words", "apprise_words"),
    [
        (error, "answered 500 Internal Server Error", "Failed to send JSON POST notification: "),
        (moved, "answered 301 Moved Permanently", None),
        (round_in_circles, "answered 302 ", "A Connection error occurred"),
        (garbage, "gave no answer of HTTP: BadStatusLine garbage", "A Connection error occurred"),
        (silence, "no answer within 5 s", "no answer within 5 s"),
        (drips, "no answer within 5 s", "no answer within 5 s"),
    ],
)
def test_a_server_that_does_not_answer_as_it_should_is_told_of(
    home: Path,
    filler: Filler,
    misbehave: Callable[[BaseHTTPRequestHandler, Event], object],
    webhook_words: str,
    apprise_words: str | None,
) -> None:
    run_id = failed_run(filler)
    with Answers(misbehave) as server:
        recipients = (f"json://{server.place}?rto=60",) if apprise_words is not None else ()
        seconds = 5 if misbehave in (silence, drips) else NOTICE_SECONDS
        notify(home, run_id, Settings(notify_webhook=server.address, notify=recipients), seconds)
    told = dict(warning.split(": ", 1) for warning in warnings(home, run_id))
    assert told.pop("notify_webhook (http://…)").startswith(webhook_words)
    if apprise_words is not None:
        assert told.pop("notify, entry 1 (json://…)").startswith(apprise_words)
    assert told == {}


@pytest.mark.parametrize(
    "recipient",
    [pytest.param("notify_webhook = 'http://{place}'", marks=pytest.mark.slow), "notify = 'json://{place}'"],
)
def test_the_command_waits_for_its_notices(
    home: Path, bench: Bench, monkeypatch: pytest.MonkeyPatch, recipient: str
) -> None:
    """Its process ends by `os._exit`: an answer that comes after the run's end is still waited for, and told of."""

    def late(handler: BaseHTTPRequestHandler, over: Event) -> None:
        answer.wait(DEADLINE)
        error(handler, over)

    answer = Event()
    monkeypatch.setenv("LAZYTRAIN_HOME", str(home))
    with Answers(late) as server:
        settings_path(home).write_text(recipient.format(place=server.place), encoding="utf-8")
        arguments = ("train", "lazynet", "--set", "dataset=digits", "--set", "epochs=1", "--name", "mine")
        process = subprocess.Popen(
            [sys.executable, "-m", "lazytrain", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        server.received.get(timeout=DEADLINE)
        (run,) = bench.store.runs()
        assert run.state is State.FINISHED
        assert process.poll() is None
        answer.set()
        out, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, out.decode().splitlines()[0]) == (0, run.id)
    (warning,) = warnings(home, run.id)
    assert warning.startswith("notify")
    assert "500" in warning or "Internal Server Error" in warning
    assert f"warning: {warning}" in errors.decode()


def test_keys_are_kept_out_of_what_is_told() -> None:
    assert (
        masked('curl -d "$LAZYTRAIN_TEXT" "http://me:KEY@host/x" ftp://y')
        == 'curl -d "$LAZYTRAIN_TEXT" "http://…" ftp://…'
    )
    assert masked("mailto://me:KEY@host?name=My K'EY") == "mailto://…"
    said = "no way to KEY1 at host.example for a%20name: a name"
    assert without_parts(said, "json://me:KEY1@host.example/a%20name") == "no way to … at … for …: …"


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
