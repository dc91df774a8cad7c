"""The queue's order, wishes and the states that follow, names and references."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lazytrain.engine.records import Run, State, Wanted
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import NotPossible, RunNotFound, Store
from tests.helpers import store_runs
from tests.helpers.store_runs import configuration, point, record

journal, running = store_runs.journal, store_runs.running


# ── the queue ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_queue_keeps_its_order_and_can_be_reordered(journal: Journal) -> None:
    first, second, third = (journal.add_run(configuration(), name).id for name in ("first", "second", "third"))
    in_front = journal.add_run(configuration(), "in front", first=True).id
    assert journal.queued() == [in_front, first, second, third]
    journal.move(third, -2)
    assert journal.queued() == [in_front, third, first, second]
    journal.move(in_front, 99)
    assert journal.queued() == [third, first, second, in_front]
    journal.move(third, -1)
    assert journal.queued() == [third, first, second, in_front]


def test_a_run_is_claimed_once(journal: Journal, home: Path) -> None:
    run_id = journal.add_run(configuration()).id
    with Journal(home) as other:
        claimed = journal.claim(run_id)
        assert claimed is not None
        assert claimed.state is State.STARTING
        assert other.claim(run_id) is None
        assert other.run(run_id).started == claimed.started


def test_lists_active_runs_then_the_queue_then_the_rest_newest_first(journal: Journal) -> None:
    ids = [journal.add_run(configuration(), name).id for name in "abcd"]
    for run_id in ids[:2]:
        journal.claim(run_id)
        journal.end(run_id, State.FINISHED)
    journal.claim(ids[3])
    assert [run.name for run in journal.runs()] == ["d", "c", "b", "a"]


# ── wishes and states ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_state_changes_when_training_confirms_it(journal: Journal, running: Run, home: Path) -> None:
    with Store(home) as client:
        asked = client.pause(running.id)
        assert (asked.state, asked.pending) == (State.RUNNING, Wanted.PAUSE)
        journal.confirm(running.id, State.PAUSED)
        assert (client.run(running.id).state, client.run(running.id).pending) == (State.PAUSED, None)

        assert client.resume(running.id).pending is Wanted.RUN
        journal.confirm(running.id, State.RUNNING)
        assert client.run(running.id).pending is None

        assert client.stop(running.id).pending is Wanted.STOP
        assert journal.wanted(running.id) is Wanted.STOP
        journal.end(running.id, State.STOPPED)
        assert client.run(running.id).pending is None


def test_a_stopped_or_failed_run_is_queued_again(journal: Journal, running: Run) -> None:
    journal.end(running.id, State.FAILED, error="loss became nan")
    assert journal.run(running.id).error == "loss became nan"
    again = journal.resume(running.id)
    assert (again.state, again.wanted, again.error, again.ended) == (State.QUEUED, Wanted.RUN, None, None)
    assert journal.stop(running.id).state is State.STOPPED, "a queued run leaves the queue at once"
    assert journal.queued() == []
    assert journal.resume(running.id).state is State.QUEUED


def test_what_a_state_does_not_allow_is_refused_with_the_reason(journal: Journal, running: Run) -> None:
    with pytest.raises(NotPossible, match="running already"):
        journal.resume(running.id)
    journal.end(running.id, State.FINISHED)
    for verb in (journal.pause, journal.stop, journal.resume):
        with pytest.raises(NotPossible, match=r"lazynet quick is finished"):
            verb(running.id)
    queued = journal.add_run(configuration())
    with pytest.raises(NotPossible, match="being trained"):
        journal.pause(queued.id)


def test_discard_deletes_a_run_with_its_files(journal: Journal, running: Run) -> None:
    journal.write(running.id, points=[point(1)], record=record(1, 0.5))
    (journal.run_folder(running.id) / "checkpoints").mkdir(parents=True)
    journal.discard(running.id)
    assert journal.wanted(running.id) is Wanted.DISCARD
    assert journal.run(running.id).pending is Wanted.DISCARD, "its trainer leaves it first"
    journal.forget(running.id)
    with pytest.raises(RunNotFound):
        journal.run(running.id)
    assert not journal.run_folder(running.id).exists()
    assert journal.packed_points(running.id) == b""
    assert journal.epochs(running.id) == []

    over = journal.add_run(configuration())
    journal.stop(over.id)
    journal.discard(over.id)
    assert journal.runs() == []


def test_a_run_discarded_in_its_last_moment_is_gone(journal: Journal, running: Run) -> None:
    journal.discard(running.id)
    for verb in (journal.pause, journal.resume, journal.stop):
        with pytest.raises(NotPossible, match="being discarded"):
            verb(running.id)
    journal.end(running.id, State.FINISHED)
    assert journal.runs() == []


# ── names and references ─────────────────────────────────────────────────────────────────────────────────────────────


def test_names_cannot_collide(journal: Journal) -> None:
    runs = [journal.add_run(configuration()) for _ in range(3)]
    assert [run.name for run in runs] == ["lazynet quick", "lazynet quick #2", "lazynet quick #3"]
    assert journal.rename(runs[2].id, "lazynet quick").name == "lazynet quick #3"
    assert journal.rename(runs[1].id, " best yet ").name == "best yet"
    assert journal.rename(runs[0].id, "best yet").name == "best yet #2"
    with pytest.raises(ValueError, match="empty"):
        journal.rename(runs[0].id, "  ")


def test_tags_a_note_and_the_archive_stay_with_the_run(journal: Journal, running: Run) -> None:
    run = journal.tag(running.id, ["night", "baseline ", "night"])
    assert run.tags == ("baseline", "night")
    assert journal.annotate(run.id, " worth a second look\n").note == "worth a second look"
    with pytest.raises(ValueError, match="'two words': a tag is one word"):
        journal.tag(run.id, ["two words"])
    with pytest.raises(NotPossible, match="only a run that is over can be archived"):
        journal.put_away(run.id)
    journal.end(run.id, State.FINISHED)
    assert journal.put_away(run.id).archived
    assert not journal.put_away(run.id, away=False).archived
    kept = json.loads((journal.run_folder(run.id) / "run.json").read_text(encoding="utf-8"))
    assert (json.loads(kept["tags"]), kept["note"], kept["archived"]) == (
        ["baseline", "night"],
        "worth a second look",
        0,
    )


def test_a_run_is_found_by_id_beginning_name_or_last(journal: Journal) -> None:
    first, last = journal.add_run(configuration(), "mine"), journal.add_run(configuration())
    assert journal.find(first.id) == first
    assert journal.find("mine") == first
    assert journal.find("last") == last
    length = next(size for size in range(1, 9) if first.id[:size] != last.id[:size])
    assert journal.find(first.id[:length]) == first
    with pytest.raises(RunNotFound, match="lazytrain runs"):
        journal.find("nonsense")
    with pytest.raises(RunNotFound, match=r"fits 2 runs: .*mine"):
        journal.find("")


def test_a_name_that_is_percent_or_underscore_is_no_pattern(journal: Journal) -> None:
    journal.add_run(configuration())
    for reference in ("%", "_", "________"):
        with pytest.raises(RunNotFound):
            journal.find(reference)
