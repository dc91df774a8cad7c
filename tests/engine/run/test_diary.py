"""What a run's log says of a training that nothing disturbs, and of one that is paused and stopped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lazytrain.engine.records import Message, State
from lazytrain.engine.run.diary import MOST_LINES, describe_epoch
from tests.helpers.bench import Bench, epoch_record


def log(bench: Bench, run_id: str) -> list[str]:
    return [message.text for message in bench.store.messages(run_id, details=True)]


def test_a_run_tells_its_start_its_epochs_and_its_end(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        run = bench.queue(epochs=2, batch_size=100, seed=7, validation_fraction=0.1)
        bench.train()
        taken, data, start, *epochs, saved, end = [
            text for text in log(bench, run.id) if text != "saved at step 13" or text == "saved at step 26"
        ]
    assert taken == f"taken up by lazytrain (process {os.getpid()})"
    assert (
        data
        == "data: digits, 1,442 train and 355 test images of 3×32×32, 10 classes; 10 % of the train images held out"
    )
    assert start.startswith("starts: 2 epochs of 13 steps on cpu (")
    assert Message(id=1, run_id=run.id, time=0.0, level="info", text=start).begun_at == 0
    assert all(word in start for word in (", path ", ", seed 7, ", " thread"))
    assert [text.partition(":")[0] for text in epochs if text.startswith("epoch")] == ["epoch 1/2", "epoch 2/2"]
    assert all(word in epochs[0] for word in ("train ", "val. ", "test ", "s + ", "s test", "best"))
    assert (saved, end) == ("saved at step 26", "finished: all epochs done")


def test_what_is_asked_is_told_with_who_asked(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        run = bench.queue(epochs=10_000, batch_size=100)
        bench.runner()
        bench.reaches(run, State.RUNNING)
        bench.store.pause(run.id)
        bench.store.pause(run.id)
        bench.reaches(run, State.PAUSED)
        bench.store.resume(run.id)
        bench.reaches(run, State.RUNNING)
        bench.store.stop(run.id)
        bench.reaches(run, State.STOPPED)
        bench.store.resume(run.id)
        texts = [message.text for message in bench.store.messages(run.id)]
    who = f"a program (process {os.getpid()})"
    asked = [text for text in texts if who in text and not text.startswith("taken up")]
    assert asked[:3] == [f"asked to pause by {who}", f"asked to go on by {who}", f"asked to stop by {who}"]
    assert asked[3].startswith("queued again after step ")
    steps = [text.rpartition(" ")[2] for text in texts if text.startswith(("paused at", "saved at", "goes on at"))]
    assert len(steps) == 4
    assert len(set(steps[:3])) == 1, "a pause, its save and its end are at one step"


@pytest.mark.parametrize("num_epochs", [1, 50, MOST_LINES, 101, 1_000, 99_999])
def test_a_log_is_bounded_however_many_epochs_there_are(num_epochs: int) -> None:
    records = (epoch_record(epoch) for epoch in range(1, num_epochs + 1))
    told = [record.epoch for record in records if describe_epoch(record, num_epochs, best=False) is not None]
    assert (told[0], told[-1]) == (1, num_epochs)
    if num_epochs <= MOST_LINES:
        assert len(told) == num_epochs
    else:
        assert MOST_LINES <= len(told) <= MOST_LINES + 2


def test_an_epoch_takes_one_line_of_the_log_at_120_columns() -> None:
    record = epoch_record(
        10, train_loss=0.41234, test_loss=1.2345, validation_loss=1.2345, validation_accuracy=0.6234,
        seconds=12.525, evaluation_seconds=1.223,
    )  # fmt: skip
    told = describe_epoch(record, 50, best=True)
    assert told == "epoch 10/50: train 0.412, 50.0 %; val. 1.23, 62.3 %; test 1.23, 50.0 %; best; 11.3 s + 1.2 s test"
    assert len(told) <= 98
    fitted = epoch_record(
        252, train_loss=2.154e-8, train_accuracy=1.0, test_loss=5.297, validation_loss=7.051,
        validation_accuracy=0.958, seconds=0.0517, evaluation_seconds=0.0033,
    )  # fmt: skip
    told = describe_epoch(fitted, 900, best=False)
    assert told == "epoch 252/900: train 2.2e-08, 100.0 %; val. 7.05, 95.8 %; test 5.3, 50.0 %; 48 ms + 3 ms test"
    assert len(told) <= 98


def test_details_are_left_out_unless_asked_for(tmp_path: Path) -> None:
    with Bench(tmp_path) as bench:
        run = bench.queue(epochs=2, batch_size=100)
        bench.train()
        assert not any(text.startswith("epoch ") for text in bench.texts(run).splitlines())
