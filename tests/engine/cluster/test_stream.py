"""A training from further away, by what its worker sends; no Ray."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lazytrain.engine.cluster.board import Mouth
from lazytrain.engine.cluster.messages import Batch, Fault, Prepared, Wish
from lazytrain.engine.cluster.stream import Refused, RemoteTraining, Stream, as_error
from lazytrain.engine.cluster.worker import add, pack
from lazytrain.engine.errors import describe
from lazytrain.engine.events import Event, Norms, Noticed, RunFinished, StepsDone
from lazytrain.engine.run.trainer import WorkerLost
from tests.helpers.bench import configuration
from tests.helpers.store_runs import point, progress


class Said:
    """A board that keeps what was posted."""

    def __init__(self) -> None:
        self.wishes: list[Wish] = []
        self.post = self

    def remote(self, run_id: str, wish: Wish) -> None:
        assert run_id == "run"
        self.wishes.append(wish)


class Messages(Stream):
    def __init__(self, *messages: Any) -> None:
        super().__init__(None)
        self._messages: Iterator[Any] = iter(messages)

    def next(self, seconds: float) -> Any:
        try:
            return next(self._messages)
        except StopIteration:
            raise WorkerLost("its node is gone") from None


def batch(*texts: str, step: int = 0, end: bool = False, **values: Any) -> Batch:
    events: list[Event] = [Noticed(text=text) for text in texts]
    events += [RunFinished(reason="all epochs done")] if end else []
    return Batch(events=tuple(events), step=step, seconds=float(step), sent=0.0, **values)


def training(*messages: Any) -> tuple[RemoteTraining, Said]:
    said = Said()
    prepared = Prepared(num_parameters=7, num_steps=100, step=0)
    return RemoteTraining(Messages(*messages), Mouth(said, "run", Wish()), configuration(), prepared), said


def test_a_snapshot_holds_after_the_last_event_of_its_batch() -> None:
    state = pack({"position": {"step": 2}})
    remote, said = training(
        batch("one", "two", step=2, snapshot=state, best=pack({"a": 1})), batch("three", step=3, end=True)
    )
    events = iter(remote)
    remote.ask_for_snapshot()
    remote.ask_for_snapshot()
    assert [wish.snapshots for wish in said.wishes] == [1], "asked for once until it comes"
    assert next(events) == Noticed(text="one")
    assert (remote.has_snapshot, remote.unsaved, remote.step) == (False, False, 0)
    assert next(events) == Noticed(text="two")
    assert (remote.has_snapshot, remote.unsaved, remote.step, remote.seconds) == (True, True, 2, 2.0)
    assert remote.snapshot() == {"position": {"step": 2}}
    assert remote.best_weights == {"a": 1}
    assert not remote.unsaved
    remote.ask_for_snapshot()
    assert said.wishes[-1].snapshots == 2
    assert next(events) == Noticed(text="three")
    with pytest.raises(WorkerLost, match="no snapshot"):
        remote.snapshot()
    assert [type(event) for event in events] == [RunFinished]


def test_it_rests_after_what_was_on_its_way() -> None:
    remote, said = training(batch("before"), batch("last", held=True, snapshot=pack({})), batch("after", end=True))
    remote.hold()
    remote.hold()
    assert [wish.hold for wish in said.wishes] == [True], "said once"
    seen = []
    for event in remote:
        seen.append(event)
        if remote.at_rest:
            break
    assert seen == [Noticed(text="before"), Noticed(text="last")]
    remote.go_on()
    assert not said.wishes[-1].hold
    assert [wish.number for wish in said.wishes] == [1, 2]
    end = list(remote)[-1]
    remote.give_back(end)
    assert list(remote) == [end], "an end that came too early comes again"


def test_what_went_wrong_there_is_told_as_here() -> None:
    remote, _ = training(
        batch("one"), Fault(kind="failed", name="ZeroDivisionError", text="division by zero", trace="…")
    )
    events = iter(remote)
    next(events)
    with pytest.raises(RuntimeError, match="division by zero") as raised:
        next(events)
    assert describe(raised.value) == "ZeroDivisionError: division by zero"
    assert isinstance(as_error(Fault(kind="memory", name="OutOfMemoryError", text="too much")), MemoryError)
    assert isinstance(as_error(Fault(kind="refused", name="DatasetError", text="not there")), Refused)


def test_a_worker_that_is_gone_is_no_end() -> None:
    remote, _ = training(batch("one"))
    events = iter(remote)
    next(events)
    with pytest.raises(WorkerLost, match="its node is gone"):
        next(events)


def test_steps_that_wait_are_one_event_with_all_points() -> None:
    def steps(step: int) -> StepsDone:
        norms = (Norms(step, 0.0, None, 1.0),)
        return StepsDone(points=(point(step),), progress=progress(step), norms=norms)

    events: list[Event] = []
    for event in (steps(1), steps(2), Noticed(text="between"), steps(3)):
        add(events, event)
    first, between, last = events
    assert isinstance(first, StepsDone)
    assert ([each.step for each in first.points], [each.step for each in first.norms]) == ([1, 2], [1, 2])
    assert first.progress == progress(2)
    assert (between, last) == (Noticed(text="between"), steps(3))
