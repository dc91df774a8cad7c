"""What is printed while a run is trained stands in its log; how fast that grows is bounded, and said."""

from __future__ import annotations

from pathlib import Path

from lazytrain.engine.queue.printed import LINES_PER_MINUTE, MOST_LINES, Allowance, PrintedLog
from lazytrain.engine.store.store import Store
from tests.helpers.bench import configuration


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_little_is_kept_whole_and_a_flood_is_not() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    assert allowance.take(["a", "b"]) == ["printed: a", "printed: b"]
    assert len(allowance.take(1_000 * ["x"], further=5_000)) == MOST_LINES - 2
    clock.now = 60.0
    first, *rest = allowance.take(1_000 * ["x"])
    lost = 1_000 - (MOST_LINES - 2) + 5_000
    assert first.startswith(f"… {lost:,} printed lines not kept: at most {MOST_LINES} at once")
    assert rest == LINES_PER_MINUTE * ["printed: x"]


def test_an_hour_of_a_line_each_step_is_some_hundred_lines() -> None:
    clock = Clock()
    allowance = Allowance(clock)
    kept = 0
    for tick in range(4 * 3_600):
        clock.now = tick / 4
        kept += len(allowance.take(500 * ["step"]))
    assert kept <= MOST_LINES + 2 * 60 * LINES_PER_MINUTE


def test_lines_go_to_the_run_at_work_and_otherwise_to_the_program(home: Path) -> None:
    at_work: list[str | None] = [None]
    said: list[str] = []
    log = PrintedLog(home, lambda: at_work[0], said.append)
    with Store(home) as store:
        first, second = (store.add_run(configuration()) for _ in range(2))
        log.take(["before any"])
        for run in (first, second):
            at_work[0] = run.id
            log.take([f"of {run.id}"])
        at_work[0] = None
        log.take(["its last word"])
        log.take(["of nobody"])
        at_work[0] = "a run that is gone"
        log.take(["of one that is gone"])
        assert [message.text for message in store.messages(first.id)] == [f"printed: of {first.id}"]
        texts = [message.text for message in store.messages(second.id)]
        assert texts == [f"printed: of {second.id}", "printed: its last word"]
    assert said == ["printed: before any", "printed: of nobody", "printed: of one that is gone"]


def test_what_was_not_kept_is_said_at_the_end_too(home: Path) -> None:
    said: list[str] = []
    log = PrintedLog(home, lambda: None, said.append)
    log.take((MOST_LINES + 7) * ["x"])
    log.close()
    assert said[-1].startswith("… 7 printed lines not kept")
