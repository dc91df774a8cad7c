"""Training as an iterator of events: its figures, its grid, its seeds, its snapshots, its ends."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytrain.engine.compute.metrics import loss_rows, measure_rows
from lazytrain.engine.data.batches import Batches, held_out, normalise, num_steps
from lazytrain.engine.events import (
    EpochEnded,
    Event,
    Noticed,
    RunDiverged,
    RunFinished,
    RunStarted,
    StepsDone,
)
from lazytrain.engine.store.checkpoint import weights_sha256
from lazytrain.engine.training.window import window_steps
from lazytrain.presets import Architecture, Hyperparameters
from tests.helpers.events import Ticks, digest, points, records
from tests.helpers.examples import examples
from tests.helpers.nets import SMALL_NET, small_configuration, small_dataset, small_training


def test_events_tell_the_whole_story() -> None:
    events = list(small_training(small_configuration(batch_size=4)))
    assert isinstance(events[0], RunStarted)
    assert (events[0].num_steps, events[0].steps_per_epoch, events[0].path) == (72, 24, "derived")
    assert [record.epoch for record in records(events)] == [1, 2, 3]
    assert [record.step for record in records(events)] == [24, 48, 72]
    assert events[-1] == RunFinished(reason="all epochs done")
    assert records(events)[-1].test_accuracy > 0.9


def test_epoch_means_are_the_points_means() -> None:
    events = list(small_training(small_configuration(epochs=1), small_dataset(num_train=600)))
    curve, record = points(events), records(events)[0]
    assert len(curve) == 2  # 250 images a point or more
    assert record.train_loss == pytest.approx(sum(point.loss for point in curve) / 2)
    assert record.train_accuracy == pytest.approx(sum(point.accuracy for point in curve) / 2)


def test_first_step_is_plain_sgd() -> None:
    configuration = small_configuration(epochs=1, batch_size=97, learning_rate=0.1)
    training = small_training(configuration)
    reference = copy.deepcopy(training._net)
    batches = Batches(small_dataset().train, torch.arange(97), configuration.hyperparameters, torch.device("cpu"))
    batches.enter_epoch(0)
    images, targets = batches.block(0).batches[0]
    loss = F.cross_entropy(reference(images), targets)
    loss.backward()
    with torch.no_grad():
        for parameter in reference.parameters():
            assert parameter.grad is not None
            parameter.sub_(0.1 * parameter.grad)
    events = list(training)
    assert points(events)[0].loss == pytest.approx(loss.item(), rel=1e-6)
    for ours, theirs in zip(training.snapshot()["net"].values(), reference.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs)


@given(
    classes=st.integers(2, 7),
    rows=st.integers(1, 40),
    smoothing=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 1000),
)
@settings(max_examples=examples(30))
def test_losses_are_torchs(classes: int, rows: int, smoothing: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, classes, generator=generator)
    targets = torch.randint(0, classes, (rows,), generator=generator)
    cross_entropy = loss_rows(logits, targets, Hyperparameters(label_smoothing=smoothing)).mean()
    torch.testing.assert_close(cross_entropy, F.cross_entropy(logits, targets, label_smoothing=smoothing))
    mse = loss_rows(logits, targets, Hyperparameters(loss="mse")).mean()
    torch.testing.assert_close(mse, F.mse_loss(logits, F.one_hot(targets, classes).float()))
    loss_sum, correct, first_bad, _ = measure_rows(logits, targets, Hyperparameters()).tolist()
    assert loss_sum == pytest.approx(F.cross_entropy(logits, targets, reduction="sum").item(), rel=1e-5)
    assert correct == (logits.argmax(1) == targets).sum().item()
    assert first_bad == rows


# ── batches ────────────────────────────────────────────────────────────────────────────────────────────────────


@given(num_images=st.integers(1, 300), batch_size=st.integers(1, 64))
@settings(max_examples=examples(60))
def test_every_image_once_an_epoch_and_no_batch_of_one(num_images: int, batch_size: int) -> None:
    values = Hyperparameters(batch_size=batch_size)
    split = small_dataset(num_train=num_images).train
    batches = Batches(split, torch.arange(num_images), values, torch.device("cpu"))
    batches.enter_epoch(3)
    sizes = []
    seen = torch.zeros(0, 3, 8, 8)
    for step in range(batches.steps_per_epoch):
        images, targets = batches.block(step).batches[0]
        assert len(images) == len(targets)
        sizes.append(len(images))
        seen = torch.cat((seen, images))
    assert sum(sizes) == num_images
    assert len(sizes) == num_steps(num_images, batch_size)
    if batch_size > 1 and num_images > 1:
        assert min(sizes) > 1
    assert sorted(seen.flatten(1).sum(1).tolist()) == pytest.approx(
        sorted((split.images.float() / 127.5 - 1).flatten(1).sum(1).tolist()), abs=1e-2
    )


def test_order_differs_between_epochs_and_seeds_only() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        batches = Batches(small_dataset().train, torch.arange(97), Hyperparameters(seed=seed), torch.device("cpu"))
        batches.enter_epoch(epoch)
        return batches._order.tolist()

    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)


def test_validation_images_are_not_trained_on() -> None:
    train, validation = held_out(100, Hyperparameters(validation_fraction=0.2))
    assert validation is not None
    assert (len(train), len(validation)) == (80, 20)
    assert set(train.tolist()).isdisjoint(validation.tolist())
    events = list(small_training(small_configuration(validation_fraction=0.2)))
    assert all(record.validation_accuracy is not None for record in records(events))


# ── the grid ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_grid_follows_from_the_configuration_alone() -> None:
    assert window_steps(Hyperparameters(), 50_000, 12_500, 10) == 125
    assert window_steps(Hyperparameters(batch_size=128), 50_000, 391, 10) == 4
    assert window_steps(Hyperparameters(), 1_437, 360, 10) == 72
    assert window_steps(Hyperparameters(epochs=100_000), 50_000, 12_500, 10) == 1_250


@pytest.mark.parametrize("tick", [0.0001, 0.01, 1.0])
def test_curve_does_not_depend_on_the_clock(tick: float) -> None:
    configuration = small_configuration(batch_size=2)
    expected = list(small_training(configuration, small_dataset(700), clock=Ticks(0.0)))
    events = list(small_training(configuration, small_dataset(700), clock=Ticks(tick)))
    assert points(events) == points(expected)
    assert records(events) == records(expected)


def test_waking_gives_an_event_after_the_next_step() -> None:
    training = small_training(small_configuration(), clock=Ticks(0.0))
    iterator = iter(training)
    assert isinstance(next(iterator), RunStarted)
    for expected in (1, 2, 3):
        training.wake = True
        event = next(iterator)
        assert isinstance(event, StepsDone)
        assert (event.progress.step, event.points) == (expected, ())


# ── the same run gives the same bits ───────────────────────────────────────────────────────────────────────────

CASES: list[dict[str, Any]] = [
    {},
    {"batch_size": 7, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-3, "schedule": "cosine"},
    {"optimizer": "adamw", "learning_rate": 0.003, "schedule": "exponential", "warmup_epochs": 1},
    {"loss": "mse", "augmentation": {"flip": 0.5, "shift": 0.5, "rotation": 0.5, "colour": 0.5}},
    {"validation_fraction": 0.3, "batch_size": 5},
]
DROPOUT_NET = Architecture.model_validate(
    {
        "title": "dropout",
        "layers": [{"conv": 4, "kernel": 3}, "batch_norm", "relu", {"dropout": 0.3}, {"linear": 8}, "gelu"],
    }
)


@pytest.mark.parametrize("path", ["autograd", None])
@pytest.mark.parametrize("fields", CASES)
def test_two_runs_are_identical(fields: dict[str, Any], path: str | None) -> None:
    trainings = [small_training(small_configuration(**fields), path=path) for _ in range(2)]
    first, second = (list(training) for training in trainings)
    assert digest(trainings[0]) == digest(trainings[1])
    assert points(first) == points(second)
    assert records(first) == records(second)


def test_another_seed_is_another_run() -> None:
    trainings = [small_training(small_configuration(seed=seed)) for seed in (0, 1)]
    assert points(list(trainings[0])) != points(list(trainings[1]))
    assert digest(trainings[0]) != digest(trainings[1])


@pytest.mark.parametrize("architecture", [SMALL_NET, DROPOUT_NET], ids=["small", "dropout"])
@pytest.mark.parametrize("fields", CASES)
def test_resuming_at_any_event_changes_nothing(architecture: Architecture, fields: dict[str, Any]) -> None:
    configuration = small_configuration(architecture, **fields)
    dataset = small_dataset()
    whole = small_training(configuration, dataset)
    expected = list(whole)

    # A tick of 0.04 s makes an event every few steps and evaluation batches; every one is left and gone on from.
    events: list[Event] = []
    snapshot: dict[str, Any] | None = None
    ended = False
    while not ended:
        training = small_training(configuration, dataset, snapshot=snapshot, clock=Ticks(0.04))
        iterator = iter(training)
        assert isinstance(next(iterator), RunStarted)
        event = next(iterator)
        events.append(event)
        ended = isinstance(event, RunFinished)
        snapshot = copy.deepcopy(training.snapshot())
        torch.rand(5)  # someone else's use of the random state must not matter
    assert len(events) > 10
    assert points(events) == points(expected)
    assert records(events) == records(expected)
    assert snapshot is not None
    assert weights_sha256(snapshot["net"]) == digest(whole)


# ── ends ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_diverging_ends_the_run_at_the_very_step() -> None:
    events = list(small_training(small_configuration(learning_rate=1000.0, loss="mse")))
    end = events[-1]
    assert isinstance(end, RunDiverged)
    assert 1 < end.step < 30
    assert end.epoch == 1
    assert "lower learning rate" in end.reason


@pytest.mark.parametrize("tick", [0.001, 0.02, 1.0])
def test_the_curve_of_a_run_that_diverges_does_not_depend_on_the_clock(tick: float) -> None:
    # So that it diverges after some windows, and within one.
    configuration = small_configuration(learning_rate=8.0, schedule="one_cycle", loss="mse", batch_size=2)
    expected = list(small_training(configuration, small_dataset(3000), clock=Ticks(0.0)))
    events = list(small_training(configuration, small_dataset(3000), clock=Ticks(tick)))
    end = events[-1]
    assert isinstance(end, RunDiverged)
    assert len(points(events)) > 1
    assert all(point.step < end.step for point in points(events))
    assert points(events) == points(expected)


def test_diverging_goes_on_if_told_so() -> None:
    events = list(small_training(small_configuration(learning_rate=1000.0, loss="mse", on_nan="continue")))
    assert events[-1] == RunFinished(reason="all epochs done")
    assert [event.level for event in events if isinstance(event, Noticed)] == ["warning"]


def test_early_stopping_names_what_it_looked_at() -> None:
    events = list(small_training(small_configuration(epochs=50, early_stopping_epochs=2)))
    assert isinstance(events[-1], RunFinished)
    assert events[-1].reason.startswith("early stopping: no better test accuracy since epoch")
    held = list(small_training(small_configuration(epochs=50, early_stopping_epochs=2, validation_fraction=0.2)))
    assert isinstance(held[-1], RunFinished)
    assert "validation accuracy" in held[-1].reason


def test_time_budget_ends_with_figures() -> None:
    configuration = small_configuration(epochs=1000, time_budget_minutes=0.5)
    events = list(small_training(configuration, clock=Ticks(0.05)))
    assert events[-1] == RunFinished(reason="time budget: 0.5 min used up")
    assert records(events)[-1].test_accuracy >= 0


def test_best_epoch_keeps_its_weights() -> None:
    training = small_training(small_configuration(epochs=4))
    best_digest = None
    for event in training:
        if isinstance(event, EpochEnded) and event.best:
            best_digest = digest(training)
    assert training.best_weights is not None
    assert weights_sha256(training.best_weights) == best_digest


# ── what GPUs like ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "fields", [{"precision": "bfloat16"}, {"channels_last": True}, {"precision": "bfloat16", "channels_last": True}]
)
def test_half_precision_and_channels_last_learn_the_same(fields: dict[str, Any]) -> None:
    plain = list(small_training(small_configuration(), path="autograd"))
    training = small_training(small_configuration(**fields))
    started, *events = list(training)
    assert isinstance(started, RunStarted)
    assert started.path == "autograd"
    tolerance = 0.05 if "precision" in fields else 1e-3
    for ours, theirs in zip(records(events), records(plain), strict=True):
        assert ours.train_loss == pytest.approx(theirs.train_loss, abs=tolerance)
        assert ours.test_loss == pytest.approx(theirs.test_loss, abs=tolerance)
    weights = training.snapshot()["net"]
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    again = small_training(small_configuration(**fields))
    list(again)
    assert digest(again) == digest(training)


def test_a_block_ends_where_a_chunk_does() -> None:
    values = Hyperparameters(batch_size=3)
    dataset = small_dataset(num_train=5000)
    batches = Batches(dataset.train, torch.arange(5000), values, torch.device("cpu"), block_steps=10)
    batches.enter_epoch(0)
    step, lengths = 0, []
    while step < batches.steps_per_epoch:
        block = batches.block(step)
        assert torch.equal(block.images, torch.cat([images for images, _ in block.batches]))
        lengths.append(len(block.batches))
        step += len(block.batches)
    assert step == batches.steps_per_epoch
    assert set(lengths[:-1]) == {10}
    assert len(batches.block(14).batches) == 6, "from within a block to its end"


def test_bytes_are_the_same_images() -> None:
    dataset, values, device = small_dataset(), Hyperparameters(batch_size=5, seed=3), torch.device("cpu")
    kinds = [Batches(dataset.train, torch.arange(97), values, device, as_bytes=as_bytes) for as_bytes in (False, True)]
    for each in kinds:
        each.enter_epoch(2)
    for step in range(kinds[0].steps_per_epoch):
        floats, whole = (each.block(step) for each in kinds)
        assert whole.images.dtype == torch.uint8
        assert torch.equal(normalise(whole.images), floats.images)
        assert torch.equal(whole.goals, floats.goals)
