"""Curves in the store: points in chunks, epochs, what a rewind takes back."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytrain.engine.events import POINT_FORMAT, Point, Progress
from lazytrain.engine.records import Run
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import CHUNK_POINTS, Store
from tests.helpers import store_runs
from tests.helpers.examples import examples
from tests.helpers.store_runs import configuration, point, record

journal, running = store_runs.journal, store_runs.running


numbers = st.floats(allow_nan=True, allow_infinity=True)
narrow = st.floats(width=32)
points = st.builds(Point, st.integers(1, 2**62), numbers, numbers, numbers, narrow, narrow)


def unpack(packed: bytes) -> list[Point]:
    return [Point(*fields) for fields in POINT_FORMAT.iter_unpack(packed)]


@settings(max_examples=examples(25))
@given(batches=st.lists(st.lists(points, max_size=9), max_size=9), data=st.data())
def test_points_are_read_as_written_in_any_batches(batches: list[list[Point]], data: st.DataObject) -> None:
    written = [point for batch in batches for point in batch]
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder)) as journal:
        run_id = journal.add_run(configuration()).id
        for batch in batches:
            journal.write(run_id, points=batch)
        # Compared packed, since a NaN is not equal to itself.
        whole = journal.packed_points(run_id)
        assert whole == b"".join(POINT_FORMAT.pack(*point) for point in written)
        assert journal.run(run_id).num_points == len(written)
        since = data.draw(st.integers(0, len(written)))
        assert journal.packed_points(run_id, since) == whole[since * POINT_FORMAT.size :]


def test_a_reader_follows_over_the_edges_of_chunks(journal: Journal, running: Run, home: Path) -> None:
    seen: list[Point] = []
    with Store(home) as reader:
        for size in (1, CHUNK_POINTS - 2, 1, 1, 3 * CHUNK_POINTS, 5):
            first = len(seen) + 1
            journal.write(running.id, points=[point(step) for step in range(first, first + size)])
            assert reader.changed()
            seen += unpack(reader.packed_points(running.id, since=len(seen)))
        assert not reader.changed()
    assert [each.step for each in seen] == list(range(1, 4 * CHUNK_POINTS + 7))


@pytest.mark.parametrize("step", [0, 1, CHUNK_POINTS - 1, CHUNK_POINTS, CHUNK_POINTS + 1, 2 * CHUNK_POINTS, 2500])
def test_a_rewind_takes_back_later_points_and_epochs(journal: Journal, running: Run, step: int) -> None:
    journal.write(running.id, points=[point(number) for number in range(1, 2501)])
    for epoch, accuracy in enumerate((0.3, 0.6, 0.5), start=1):
        journal.write(running.id, record=record(epoch, accuracy), best=epoch == 2)
    assert journal.run(running.id).best_epoch == 2

    journal.rewind(running.id, step, epoch=1)

    run = journal.run(running.id)
    assert [each.step for each in unpack(journal.packed_points(running.id))] == list(range(1, step + 1))
    assert (run.num_points, run.step, run.epoch, run.revision) == (step, step, 1, running.revision + 1)
    assert (run.best_epoch, run.best_accuracy, run.test_accuracy) == (1, 0.3, 0.3)

    journal.write(running.id, points=[point(step + 1)])
    assert [each.step for each in unpack(journal.packed_points(running.id))] == list(range(1, step + 2))


def test_epochs_are_read_as_written_and_nan_stays_nan(journal: Journal, running: Run) -> None:
    journal.write(running.id, record=record(1, 0.3))
    journal.write(running.id, record=record(2, 0.1, train_loss=math.nan, validation_accuracy=0.2))
    first, second = journal.epochs(running.id)
    assert first == record(1, 0.3)
    assert math.isnan(second.train_loss)
    assert (second.validation_accuracy, second.chosen_accuracy) == (0.2, 0.2)
    assert [each.epoch for each in journal.epochs(running.id, since=1)] == [2]


def test_progress_says_where_a_training_stands(journal: Journal, running: Run) -> None:
    progress = Progress(phase="training", done=10, total=361, step=371, epoch=2, loss=0.5, seconds=3.0)
    journal.write(running.id, progress=progress)
    run = journal.run(running.id)
    assert (run.progress, run.step, run.seconds) == (progress, 371, 3.0)
    assert run.fraction == 371 / (25 * 361)
    assert run.eta_seconds == pytest.approx(3.0 / 371 * (25 * 361 - 371))
