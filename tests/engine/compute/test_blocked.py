"""The blocked path against autograd, and what it owes to the rest: whole blocks, irregular ones, exact resumes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytrain.engine.compute.architecture import build_layers
from lazytrain.engine.compute.blocked import BlockedPath, serves_blocked
from lazytrain.engine.compute.derived import DerivedPath
from lazytrain.engine.compute.paths import AutogradPath, make_path
from lazytrain.engine.data.batches import Batches, Block
from lazytrain.engine.events import RunStarted, StepsDone
from lazytrain.presets import Architecture, Hyperparameters, size_layers
from tests.helpers.examples import examples
from tests.helpers.nets import small_configuration, small_dataset, small_training

LINEAR = Architecture.model_validate({"title": "linear", "layers": [{"linear": 70}, "relu"]})
"""For 3×10×10 images: its first matrix is large enough for blocks."""


def linear_net(layers: list[object], shape: tuple[int, int, int]) -> torch.nn.Sequential:
    architecture = Architecture.model_validate({"title": "any", "layers": layers})
    assert architecture.layers is not None
    return build_layers(size_layers(architecture.layers, shape, 4))


@given(
    hidden=st.lists(st.sampled_from([{"linear": 5}, {"linear": 64}, {"linear": 3, "bias": False}]), max_size=2),
    activation=st.sampled_from(["relu", "tanh", "gelu"]),
    side=st.integers(10, 12),
    batch_size=st.integers(1, 8),
    blocks=st.lists(st.tuples(st.integers(1, 40), st.integers(0, 1)), min_size=1, max_size=3),
    fields=st.sampled_from([{}, {"loss": "mse"}, {"label_smoothing": 0.125}]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=examples(100))
def test_blocks_of_any_length_are_autograds_steps(
    hidden: list[object],
    activation: str,
    side: int,
    batch_size: int,
    blocks: list[tuple[int, int]],
    fields: dict[str, Any],
    seed: int,
) -> None:
    torch.manual_seed(seed)
    layers = [part for layer in hidden for part in (layer, activation)]
    nets = [linear_net(layers, (3, side, side)).double()]
    nets.append(copy.deepcopy(nets[0]))
    values = Hyperparameters.model_validate({"batch_size": batch_size, **fields})
    assert serves_blocked(nets[0], values)
    blocked, autograd = BlockedPath(nets[0], values), AutogradPath(nets[1], values)
    for length, extra in blocks:
        num_steps = min(length, blocked.block_steps)
        # The epoch's last batch may hold an image more.
        sizes = [batch_size] * (num_steps - 1) + [batch_size + extra]
        images = torch.randn(sum(sizes), 3, side, side, dtype=torch.float64)
        targets = torch.randint(0, 4, (sum(sizes),))
        rate = float(torch.rand(()) * 0.01)
        goals = blocked.goals(targets).double()
        block = Block(images, goals, list(zip(images.split(sizes), goals.split(sizes), strict=True)))
        with blocked.mode():
            blocked.enter(block, [rate] * num_steps)
        for some_images, some_targets in zip(images.split(sizes), targets.split(sizes), strict=True):
            outputs = [torch.empty(len(some_images), 4, dtype=torch.float64) for _ in range(2)]
            with blocked.mode():
                blocked.watch()
                blocked.step(some_images, blocked.goals(some_targets).double(), outputs[0], rate)
            autograd.step(some_images, some_targets, outputs[1], rate)
            torch.testing.assert_close(*outputs)
            norms = [float(path.gradient_norm() or 0.0) for path in (blocked, autograd)]
            assert norms[0] == pytest.approx(norms[1], rel=1e-4, abs=1e-6)
    for ours, theirs in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("layers", "fields", "path"),
    [
        ([], {}, "blocked"),
        ([{"linear": 70}, "relu"], {"batch_size": 16}, "blocked"),
        ([{"linear": 9}, "relu"], {"batch_size": 17}, "derived"),
        ([{"linear": 70}], {"batch_size": 32}, "derived"),
        ([{"linear": 70}], {"momentum": 0.9}, "derived"),
        ([{"linear": 70}], {"weight_decay": 0.1}, "derived"),
        ([{"conv": 3, "kernel": 3}, {"linear": 70}], {}, "derived"),
        (["relu", {"linear": 70}], {}, "derived"),
        ([{"linear": 70}], {"optimizer": "adam"}, "autograd"),
        ([{"dropout": 0.5}, {"linear": 70}], {}, "autograd"),
    ],
)
def test_the_rule(layers: list[object], fields: dict[str, Any], path: str) -> None:
    net = linear_net(layers, (3, 10, 10))
    values = Hyperparameters.model_validate(fields)
    assert make_path(net, values).name == path
    assert serves_blocked(net, values) is (path == "blocked")
    small = linear_net([], (3, 8, 8))
    assert make_path(small, Hyperparameters()).name == "derived"


def test_it_serves_what_it_says_and_the_others_still_serve_it() -> None:
    net = linear_net([], (3, 10, 10))
    with pytest.raises(ValueError, match="begin with a linear layer"):
        BlockedPath(net, Hyperparameters(momentum=0.9))
    # As a resume of a run that was begun on another path needs it.
    assert make_path(net, Hyperparameters(), "derived").name == DerivedPath.name
    assert make_path(net, Hyperparameters(), micro_batches=2).name == AutogradPath.name


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


@pytest.mark.parametrize("fields", [{"batch_size": 4}, {"batch_size": 6, "schedule": "one_cycle"}])
def test_resuming_at_any_event_changes_nothing(fields: dict[str, Any]) -> None:
    dataset = small_dataset(num_train=301)
    dataset = type(dataset)(
        **{name: getattr(dataset, name) for name in dataset.__dataclass_fields__}
        | {"train": _larger(dataset.train), "test": _larger(dataset.test)}
    )
    configuration = small_configuration(LINEAR, epochs=2, learning_rate=0.01, **fields)
    whole = small_training(configuration, dataset)
    assert [event.path for event in whole if isinstance(event, RunStarted)] == ["blocked"]
    expected = whole.snapshot()["net"]
    training = small_training(configuration, dataset)
    snapshots = []
    for event in training:
        # Woken before each step, so that every block is an event.
        training.wake = True
        if isinstance(event, StepsDone):
            snapshots.append(copy.deepcopy(training.snapshot()))
    steps = [snapshot["position"]["step_in_epoch"] for snapshot in snapshots]
    assert len({*steps}) > 5
    for snapshot in snapshots[::3]:
        resumed = small_training(configuration, dataset, snapshot=snapshot)
        list(resumed)
        for ours, theirs in zip(resumed.snapshot()["net"].values(), expected.values(), strict=True):
            assert torch.equal(ours, theirs)


def _larger(split: Any) -> Any:
    """From 8×8 to 10×10."""
    return type(split)(images=torch.nn.functional.pad(split.images, (1, 1, 1, 1)), labels=split.labels)
