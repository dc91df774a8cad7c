"""Evaluations: the confusion matrix that is counted on the way, and batches that don't fit into memory."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from torch import Tensor, nn

import lazytrain.engine.training.evaluation
from lazytrain.engine.compute.metrics import count_confusions
from lazytrain.engine.confusion import Confusion, Mixup
from lazytrain.engine.data.loading import Split
from lazytrain.engine.errors import DeviceError
from lazytrain.engine.events import EpochEnded, EpochRecord, Event, Noticed, StepsDone
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.records import State
from lazytrain.engine.store.checkpoint import load_newest, weights_sha256
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import Store
from lazytrain.engine.training.evaluation import Evaluation
from lazytrain.presets import Hyperparameters, load_catalogue
from tests.helpers.events import Ticks, digest, points, records
from tests.helpers.examples import examples
from tests.helpers.nets import small_configuration, small_dataset, small_training

CLASSES = ("red", "green", "blue")


def confusions(events: list[Event]) -> list[Confusion | None]:
    return [event.confusion for event in events if isinstance(event, EpochEnded)]


class Fitting(nn.Module):
    """A net, and a memory that holds so many images of a batch."""

    def __init__(self, net: nn.Module, most: int) -> None:
        super().__init__()
        self.net, self.most = net, most
        self.batches: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.batches.append(len(images))
        return self.net(images)


# ── counting ───────────────────────────────────────────────────────────────────────────────────────────────────────


@given(classes=st.integers(1, 12), rows=st.integers(0, 60), seed=st.integers(0, 1000))
@settings(max_examples=examples(40))
def test_counts_are_a_naive_loops(classes: int, rows: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=generator)
    targets = torch.randint(0, classes, (rows,), generator=generator)
    naive = [[0] * classes for _ in range(classes)]
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        naive[target][row.index(max(row))] += 1
    assert count_confusions(logits, targets).tolist() == [count for row in naive for count in row]


@given(st.integers(1, 9).flatmap(lambda size: st.lists(st.integers(0, 2**31 - 1), min_size=size**2, max_size=size**2)))
def test_a_matrix_is_packed_and_unpacked(flat: list[int]) -> None:
    classes = [f"class {number}" for number in range(round(len(flat) ** 0.5))]
    matrix = Confusion.of(classes, flat)
    assert len(matrix.pack()) == 4 * len(flat)
    assert Confusion.unpack(classes, matrix.pack()) == matrix


def test_a_matrix_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="3 counts for 2 classes: 4 are needed"):
        Confusion.of(("a", "b"), (1, 2, 3))
    with pytest.raises(ValueError, match="7 bytes"):
        Confusion.unpack(("a",), b"1234567")


def test_what_a_matrix_tells() -> None:
    matrix = Confusion.of(("a", "b", "c"), (8, 2, 0, 5, 5, 0, 0, 0, 0))
    assert (matrix.num_images, matrix.num_correct, matrix.accuracy) == (20, 13, 0.65)
    assert matrix.class_accuracies == (0.8, 0.5, None)
    assert matrix.worst_mixups(9) == [Mixup(1, 0, 5), Mixup(0, 1, 2)]
    assert Confusion.of((), ()).accuracy is None


def test_each_epoch_tells_its_confusions() -> None:
    events = list(small_training(small_configuration(batch_size=4)))
    for record, matrix in zip(records(events), confusions(events), strict=True):
        assert matrix is not None
        assert matrix.classes == CLASSES
        assert [sum(row) for row in matrix.counts] == [11, 10, 10]
        assert matrix.accuracy == pytest.approx(record.test_accuracy)


def test_validation_images_are_not_counted() -> None:
    events = list(small_training(small_configuration(batch_size=4, validation_fraction=0.3)))
    assert [matrix and matrix.num_images for matrix in confusions(events)] == [31, 31, 31]


def test_counting_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = small_configuration(batch_size=4)
    counted = small_training(configuration)
    events = list(counted)
    monkeypatch.setattr(lazytrain.engine.training.evaluation, "MOST_CLASSES", 0)
    plain = small_training(configuration)
    plain_events = list(plain)
    assert confusions(plain_events) == [None, None, None]
    assert points(events) == points(plain_events)
    assert records(events) == records(plain_events)
    assert digest(counted) == digest(plain)


# ── resuming ───────────────────────────────────────────────────────────────────────────────────────────────────────


def leave_in_mid_evaluation(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A snapshot with some of the test images done."""
    monkeypatch.setattr(lazytrain.engine.training.evaluation, "EVALUATION_IMAGES", 1)  # 16 images a batch
    training = small_training(small_configuration(batch_size=4, epochs=1), clock=Ticks(0.2))
    for event in training:
        if isinstance(event, StepsDone) and event.progress.phase == "evaluating" and event.progress.done == 16:
            return copy.deepcopy(training.snapshot())
    raise AssertionError("the evaluation was never left")


def go_on(snapshot: dict[str, Any]) -> list[Event]:
    return list(small_training(small_configuration(batch_size=4, epochs=1), snapshot=snapshot))


def test_an_evaluation_goes_on_with_its_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    events = go_on(leave_in_mid_evaluation(monkeypatch))
    whole = list(small_training(small_configuration(batch_size=4, epochs=1)))
    assert confusions(events) == confusions(whole)
    assert records(events) == records(whole)


def test_an_old_checkpoint_without_counts_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = leave_in_mid_evaluation(monkeypatch)
    state = snapshot["position"]["evaluations"]
    snapshot["position"]["evaluations"] = {"test": state["test"]}
    events = go_on(snapshot)
    whole = list(small_training(small_configuration(batch_size=4, epochs=1)))
    assert confusions(events) == [None], "half of the images were never counted"
    assert records(events) == records(whole)


def test_an_old_checkpoint_between_evaluations_is_counted() -> None:
    evaluation = make_evaluation(Fitting(nn.Flatten(), 100), classes=CLASSES)
    evaluation.load_state_dict({"test": [0.0, 0, 0]})
    assert evaluation.confusion is not None


# ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def make_evaluation(net: nn.Module, classes: tuple[str, ...] = CLASSES) -> Evaluation:
    dataset = small_dataset()
    assert dataset.classes == classes
    return Evaluation(net, dataset, None, Hyperparameters(), torch.device("cpu"))


def linear() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 3)).requires_grad_(False)


@pytest.mark.parametrize(("most", "batches"), [(40, [31]), (15, [15, 15, 1]), (6, [3] * 10 + [1]), (1, [1] * 31)])
def test_batches_that_do_not_fit_are_halved(most: int, batches: list[int]) -> None:
    net = Fitting(linear(), most)
    evaluation, whole = make_evaluation(net), make_evaluation(linear())
    while evaluation.advance():
        pass
    while whole.advance():
        pass
    assert net.batches == batches
    assert evaluation.confusion == whole.confusion
    assert evaluation.test.loss == pytest.approx(whole.test.loss)
    assert (evaluation.notice is None) == (most == 40)
    evaluation.reset()
    evaluation.advance()
    assert net.batches[len(batches)] == batches[0], "the size that fits is kept"
    again = make_evaluation(net)
    again.load_state_dict(evaluation.state_dict())
    again.advance()
    assert net.batches[-1] == batches[1 if len(batches) > 1 else 0], "a resume goes on with that size"


def test_an_image_that_does_not_fit_ends_the_run() -> None:
    evaluation = make_evaluation(Fitting(linear(), 0))
    with pytest.raises(DeviceError, match="out of memory on cpu: not even one image"):
        evaluation.advance()


def test_other_errors_are_not_taken_for_memory() -> None:
    evaluation = make_evaluation(nn.Linear(7, 3))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        evaluation.advance()


def test_a_training_tells_that_it_evaluates_less_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    training = small_training(small_configuration(batch_size=4, epochs=2))
    monkeypatch.setattr(training._evaluation, "_net", Fitting(training._net, 10))
    events = list(training)
    text = "out of memory on cpu: evaluated 7 images at a time from here on"
    assert [event for event in events if isinstance(event, Noticed)] == [Noticed(text=text, level="warning")]
    whole = small_training(small_configuration(batch_size=4, epochs=2))
    whole_events = list(whole)
    assert confusions(events) == confusions(whole_events)
    assert weights_sha256(training.snapshot()["net"]) == digest(whole)


def test_the_log_says_it_and_a_resume_keeps_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[int] = []
    measure = Evaluation._measure

    def tight(self: Evaluation, name: str, split: Split, chosen: slice | Tensor) -> None:
        count = len(split.labels[chosen])
        if count > 60:
            raise torch.OutOfMemoryError("CUDA out of memory")
        measured.append(count)
        measure(self, name, split, chosen)

    monkeypatch.setattr(Evaluation, "_measure", tight)
    lazynet = load_catalogue().architecture("lazynet")
    configuration = small_configuration(lazynet, epochs=1, batch_size=64)
    with Store(home) as store:
        run_id = store.add_run(configuration).id
        runner = Runner(home, home / "data", until_empty=True)
        runner.start()
        runner.join()
        assert store.run(run_id).state is State.FINISHED
        warnings = [message.text for message in store.messages(run_id) if message.level == "warning"]
        assert warnings == [f"out of memory on cpu: evaluated {max(measured)} images at a time from here on"]
        snapshot, _ = load_newest(store.run_folder(run_id) / "checkpoints")
        assert snapshot is not None
        assert snapshot["position"]["evaluations"]["batch"] == max(measured)
        assert store.confusions(run_id)[1].num_images == sum(measured)


# ── the store ──────────────────────────────────────────────────────────────────────────────────────────────────────


def record(epoch: int, accuracy: float) -> EpochRecord:
    return EpochRecord(
        epoch=epoch,
        step=10 * epoch,
        train_loss=1.0,
        train_accuracy=0.5,
        test_loss=1.0,
        test_accuracy=accuracy,
        learning_rate=0.1,
        seconds=1.0,
    )


def test_the_store_keeps_the_last_and_the_best(home: Path) -> None:
    with Journal(home) as journal:
        run_id = journal.add_run(small_configuration()).id
        assert journal.confusions(run_id) == {}
        best, kept = 0.0, []
        for epoch, accuracy in enumerate((0.2, 0.6, 0.4, 0.5, 0.7, 0.1), start=1):
            matrix = Confusion.of(("schön", "b"), (epoch, 0, 0, epoch))
            journal.write(run_id, record=record(epoch, accuracy), best=accuracy > best, confusion=matrix)
            best = max(best, accuracy)
            kept.append(list(journal.confusions(run_id)))
        assert kept == [[1], [2], [2, 3], [2, 4], [5], [5, 6]]
        assert journal.confusions(run_id)[6] == Confusion.of(("schön", "b"), (6, 0, 0, 6))
        journal.rewind(run_id, 50, 5)
        assert list(journal.confusions(run_id)) == [5]
        journal.rewind(run_id, 0, 0)
        assert journal.confusions(run_id) == {}
        journal.discard(run_id)
        assert journal.connection.execute("SELECT count(*) FROM confusions").fetchone()[0] == 0


@given(st.lists(st.lists(st.integers(0, 5), min_size=3, max_size=3), min_size=3, max_size=3))
def test_macro_f1_is_scikit_learns(counts: list[list[int]]) -> None:
    confusion = Confusion(("a", "b", "c"), tuple(map(tuple, counts)))
    pairs = [(true, taken) for true in range(3) for taken in range(3) for _ in range(counts[true][taken])]
    if not pairs:
        assert confusion.macro_f1 is None
        return
    truth, taken = zip(*pairs, strict=True)
    assert confusion.macro_f1 == pytest.approx(f1_score(truth, taken, average="macro"))
