"""When training may go on: hours over midnight, the battery, and what a person says beside them."""

from __future__ import annotations

from datetime import datetime, time

import pytest

from lazytrain.engine.records import Run, State, Wanted
from lazytrain.engine.settings.availability import Availability, Hours, reason_to_wait
from lazytrain.engine.settings.settings import Settings
from tests.helpers.bench import DEADLINE, Bench, wait_for

NIGHT = Settings(only_between=Hours(time(23), time(7)))


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-22 {clock}")


def no_battery() -> bool:
    return False


# ── the rules ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        ("23:00-07:00", ("23:00", "23:59:59", "00:00", "06:59:59"), ("07:00", "12:00", "22:59:59")),
        ("09:30-17:00", ("09:30", "16:59:59"), ("09:29:59", "17:00", "00:00")),
        ("18:00-24:00", ("18:00", "23:59:59"), ("00:00", "17:59:59")),
        ("0:00-6:00", ("00:00", "05:59:59"), ("06:00", "23:59:59")),
    ],
)
def test_hours(hours: str, inside: tuple[str, ...], outside: tuple[str, ...]) -> None:
    parsed = Hours.parse(hours)
    assert [clock for clock in inside if at(clock) not in parsed] == []
    assert [clock for clock in outside if at(clock) in parsed] == []


def test_every_minute_of_the_day_is_in_hours_or_in_their_opposite() -> None:
    hours, opposite = Hours.parse("23:00-07:00"), Hours.parse("07:00-23:00")
    minutes = [at(f"{minute // 60:02}:{minute % 60:02}") for minute in range(24 * 60)]
    assert all((minute in hours) != (minute in opposite) for minute in minutes)
    assert sum(minute in hours for minute in minutes) == 8 * 60


def test_the_wall_clock_counts_on_nights_whose_clocks_change() -> None:
    # In Central Europe 02:30 comes twice on that night: both are within.
    for fold in (0, 1):
        assert datetime(2026, 10, 25, 2, 30, fold=fold) in Hours.parse("23:00-07:00")


def test_the_reason_says_what_is_waited_for() -> None:
    assert reason_to_wait(Settings(), at("12:00"), lambda: True) is None
    assert reason_to_wait(NIGHT, at("23:00"), lambda: True) is None
    expected = "waits for 23:00 (only_between = 23:00-07:00 in settings.toml)"
    assert reason_to_wait(NIGHT, at("12:00"), no_battery) == expected
    careful = Settings(pause_on_battery=True)
    assert reason_to_wait(careful, at("12:00"), no_battery) is None
    assert "mains power" in (reason_to_wait(careful, at("12:00"), lambda: True) or "")


def test_it_looks_at_most_once_a_second() -> None:
    now, looks = at("22:59:58").timestamp(), 0

    def rules() -> Settings:
        nonlocal looks
        looks += 1
        return NIGHT

    availability = Availability(rules, lambda: now, no_battery)
    for _ in range(100):
        assert availability() is not None
    assert looks == 1
    now += 2
    assert availability() is None
    assert looks == 2
    now -= 3600
    assert availability() is not None, "a clock that was put back"


# ── the runner keeps to them ───────────────────────────────────────────────────────────────────────────────


class Gate:
    """Open until it is closed, by a test."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def __call__(self) -> str | None:
        return self.reason


def held_run(bench: Bench, gate: Gate, reason: str = "waits for 23:00") -> Run:
    """A run whose training has begun before the gate was closed."""
    run = bench.queue(epochs=3000)
    bench.runner(may_train=gate)
    wait_for(lambda: bench.step(run) > 0, "the first steps")
    gate.reason = reason
    bench.reaches(run, State.PAUSED)
    return run


def test_outside_its_hours_the_queue_waits_and_goes_on_by_itself(bench: Bench) -> None:
    gate = Gate()
    gate.reason = "waits for 23:00"
    run = bench.queue()
    runner = bench.runner(until_empty=True, may_train=gate)
    wait_for(lambda: runner.status.phase == "waiting", "the runner to wait")
    assert runner.status.text == "waits for 23:00"
    assert bench.state(run) is State.QUEUED
    gate.reason = None
    bench.reaches(run, State.FINISHED)
    assert runner.join(DEADLINE)


def test_an_empty_queue_waits_for_no_hour(bench: Bench) -> None:
    gate = Gate()
    gate.reason = "waits for 23:00"
    assert bench.runner(until_empty=True, may_train=gate).join(DEADLINE)


def test_an_active_run_is_held_with_the_reason_and_goes_on_with_the_same_curve(bench: Bench) -> None:
    gate = Gate()
    undisturbed = bench.queue(epochs=20)
    bench.train()
    run = bench.queue(epochs=20)
    bench.runner(may_train=gate)
    wait_for(lambda: bench.step(run) > 0, "the first steps")
    gate.reason = "waits for 23:00"
    bench.reaches(run, State.PAUSED)
    held = bench.store.run(run.id)
    assert (held.error, held.pending, held.wanted) == ("waits for 23:00", None, Wanted.RUN)
    gate.reason = None
    bench.reaches(run, State.FINISHED)
    assert bench.store.run(run.id).error is None
    assert bench.result(run) == bench.result(undisturbed)
    assert "paused: waits for 23:00; it goes on by itself" in bench.texts(run)


def test_a_persons_pause_outlasts_the_hours(bench: Bench) -> None:
    gate = Gate()
    run = held_run(bench, gate)
    bench.store.pause(run.id)
    wait_for(lambda: bench.store.run(run.id).error is None, "the pause to be the person's")
    gate.reason = None
    wait_for(lambda: _asked_after(bench), "the runner to have looked again")
    assert bench.state(run) is State.PAUSED
    bench.store.resume(run.id)
    bench.reaches(run, State.RUNNING)


def test_a_person_may_train_outside_the_hours_once(bench: Bench) -> None:
    gate = Gate()
    run = held_run(bench, gate)
    bench.store.resume(run.id)
    bench.reaches(run, State.RUNNING)
    step = bench.step(run)
    wait_for(lambda: bench.step(run) > step, "more steps, though it is closed")
    gate.reason = None
    wait_for(lambda: bench.store.run(run.id).wanted is Wanted.RUN, "the hours to count again")
    gate.reason = "waits for 23:00, again"
    bench.reaches(run, State.PAUSED)
    assert bench.store.run(run.id).error == "waits for 23:00, again"


def test_a_held_run_can_be_stopped(bench: Bench) -> None:
    run = held_run(bench, Gate(), "waits for mains power")
    bench.store.stop(run.id)
    bench.reaches(run, State.STOPPED)
    assert bench.store.run(run.id).error is None


def test_by_default_the_runner_goes_by_the_homes_settings(bench: Bench) -> None:
    now = datetime.now()
    closed = Hours(time((now.hour + 2) % 24), time((now.hour + 4) % 24))
    (bench.home / "settings.toml").write_text(f'only_between = "{closed}"')
    run = bench.queue()
    runner = bench.runner(until_empty=True)
    wait_for(lambda: runner.status.phase == "waiting", "the runner to wait")
    assert f"only_between = {closed}" in runner.status.text
    (bench.home / "settings.toml").unlink()
    bench.reaches(run, State.FINISHED)


def _asked_after(bench: Bench) -> bool:
    """A question is answered between two looks at what is wanted: the runner has looked since."""
    return bench.store.ask("looked", {"kind": "nothing", "input_shape": [1], "num_classes": 1}).answered is not None
