"""Blocks computed in one call: the same steps as autograd's, whatever their rates; tried before they are trusted.

There is no GPU here: what a CUDA graph does, replaying recorded steps on the same buffers, is done by calling them.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytrain.engine.compute import paths, whole_blocks
from lazytrain.engine.compute.architecture import build_layers
from lazytrain.engine.compute.paths import AutogradPath, make_path, ready_path
from lazytrain.engine.compute.whole_blocks import CompiledPath, GraphedPath, PathUnavailable
from lazytrain.engine.data.batches import Block
from lazytrain.engine.errors import DeviceError
from lazytrain.engine.events import Noticed, RunStarted, StepsDone
from lazytrain.presets import Architecture, Hyperparameters, LayerError, size_layers
from tests.helpers.examples import examples
from tests.helpers.nets import small_configuration, small_training

Call = Callable[[], None]


class Replayed(GraphedPath):
    """As on a GPU, but for the recording."""

    def _record(self, steps: Call) -> Call:
        return steps


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a graph would be recorded, the steps are called."""
    monkeypatch.setattr(GraphedPath, "_record", lambda self, steps: steps)


def small_net(layers: list[object], shape: tuple[int, int, int] = (3, 8, 8)) -> torch.nn.Sequential:
    architecture = Architecture.model_validate({"title": "any", "layers": layers})
    assert architecture.layers is not None
    return build_layers(size_layers(architecture.layers, shape, 4))


def block_of(path: paths.Path, images: torch.Tensor, targets: torch.Tensor, sizes: list[int]) -> Block:
    goals = path.goals(targets).to(images.dtype)
    return Block(images, goals, list(zip(images.split(sizes), goals.split(sizes), strict=True)))


@given(
    layers=st.lists(
        st.sampled_from([{"conv": 3, "kernel": 3}, {"conv": 6, "kernel": 2}, "relu", "tanh", {"linear": 5}]), max_size=4
    ),
    fields=st.sampled_from(
        [{}, {"loss": "mse"}, {"weight_decay": 0.1}, {"momentum": 0.9}, {"momentum": 0.9, "weight_decay": 0.1}]
    ),
    batch_size=st.sampled_from([1, 4, 130]),
    lengths=st.lists(st.tuples(st.sampled_from([32, 7, 1]), st.integers(0, 1)), min_size=1, max_size=3),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=examples(30))
def test_blocks_are_autograds_steps_whatever_their_rates(
    layers: list[object], fields: dict[str, Any], batch_size: int, lengths: list[tuple[int, int]], seed: int
) -> None:
    torch.manual_seed(seed)
    try:
        nets = [small_net(layers).double()]
    except LayerError:
        return
    nets.append(copy.deepcopy(nets[0]))
    values = Hyperparameters.model_validate({"batch_size": batch_size, **fields})
    ours, autograd = Replayed(nets[0], values), AutogradPath(nets[1], values)
    ours.prepare((3, 8, 8))
    for length, extra in lengths:
        num_steps = min(length, ours.block_steps)
        sizes = [batch_size] * (num_steps - 1) + [batch_size + extra]
        images = torch.randn(sum(sizes), 3, 8, 8, dtype=torch.float64)
        targets = torch.randint(0, 4, (sum(sizes),))
        rates = (torch.rand(num_steps) * 0.005).tolist()
        block = block_of(ours, images, targets, sizes)
        with ours.mode():
            entered = ours.enter(block, rates)
        rows = [None] * num_steps if entered is None else entered.clone().split(sizes)
        parts = zip(block.batches, targets.split(sizes), rates, rows, strict=True)
        for (some, goals), some_targets, rate, done in parts:
            outputs = [torch.empty(len(some), 4, dtype=torch.float64) for _ in range(2)]
            with ours.mode():
                if done is None:
                    ours.step(some, goals, outputs[0], rate)
                else:
                    outputs[0] = done
            autograd.step(some, some_targets, outputs[1], rate)
            torch.testing.assert_close(*outputs)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("fields", [{}, {"schedule": "one_cycle", "momentum": 0.5}, {"batch_size": 6}])
def test_resuming_at_any_event_changes_nothing(replayed: None, fields: dict[str, Any]) -> None:
    configuration = small_configuration(epochs=2, **fields)
    whole = small_training(configuration, path="graphed")
    assert [event.path for event in whole if isinstance(event, RunStarted)] == ["graphed"]
    expected = whole.snapshot()["net"]
    training = small_training(configuration, path="graphed")
    snapshots: list[dict[str, Any]] = []
    for event in training:
        training.wake = True  # every block is an event
        if isinstance(event, StepsDone):
            snapshots.append(copy.deepcopy(training.snapshot()))
    assert len(snapshots) > 2
    for snapshot in snapshots:
        resumed = small_training(configuration, snapshot=snapshot)
        list(resumed)
        for ours, theirs in zip(resumed.snapshot()["net"].values(), expected.values(), strict=True):
            assert torch.equal(ours, theirs)
    derived = small_training(configuration, path="derived")
    list(derived)
    for ours, theirs in zip(derived.snapshot()["net"].values(), expected.values(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)


def test_preparing_leaves_the_net_and_the_random_state_as_they_are(replayed: None) -> None:
    net = small_net([{"conv": 3, "kernel": 3}, "relu"])
    before, state = copy.deepcopy(net.state_dict()), torch.get_rng_state()
    make_path(net, Hyperparameters(momentum=0.9), "graphed").prepare((3, 8, 8))
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    assert torch.equal(torch.get_rng_state(), state)


def nothing_done(self: GraphedPath, steps: Call) -> Call:
    return lambda: None


def not_captured(self: GraphedPath, steps: Call) -> Call:
    raise RuntimeError("operation not permitted when stream is capturing\nmore")


@pytest.mark.parametrize(
    ("record", "reason"), [(nothing_done, "something else"), (not_captured, "not permitted when stream is capturing")]
)
def test_what_does_not_work_is_told_and_left(
    monkeypatch: pytest.MonkeyPatch, record: Callable[[GraphedPath, Call], Call], reason: str
) -> None:
    monkeypatch.setattr(GraphedPath, "_record", record)
    monkeypatch.setattr(paths, "_fastest", lambda *_: "graphed")
    net = small_net(["relu"])
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(PathUnavailable, match=reason):
        make_path(net, Hyperparameters(), "graphed").prepare((3, 8, 8))
    path, (notice,) = ready_path(net, Hyperparameters(), (3, 8, 8))
    assert path.name == "derived"
    assert reason in notice
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    # A run that was begun with graphs can't silently go on without.
    with pytest.raises(DeviceError, match=f"trained with graphed steps, and .*{reason}"):
        ready_path(net, Hyperparameters(), (3, 8, 8), "graphed")


def test_memory_that_is_too_small_is_not_taken_for_another_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_small(self: GraphedPath, steps: Call) -> Call:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(GraphedPath, "_record", too_small)
    with pytest.raises(torch.OutOfMemoryError):
        ready_path(small_net([]), Hyperparameters(), (3, 8, 8), "graphed")


@pytest.mark.parametrize(
    ("layers", "fields", "path"),
    [
        ([{"conv": 2, "kernel": 3}], {}, "compiled"),
        ([], {"batch_size": 4}, "compiled"),
        (["batch_norm"], {}, "compiled autograd"),
        ([], {"optimizer": "adam"}, "compiled autograd"),
    ],
)
def test_compiling_is_asked_for(layers: list[object], fields: dict[str, Any], path: str) -> None:
    values = Hyperparameters.model_validate({"compile": True, **fields})
    assert make_path(small_net(layers), values).name == path
    assert make_path(small_net(layers), values, micro_batches=2).name == "compiled autograd"


@pytest.mark.skipif(not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="torch compiles by a C++ compiler")
@pytest.mark.slow
@pytest.mark.parametrize("fields", [{}, {"optimizer": "adam"}])
def test_compiled_steps_are_the_same_steps(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]) -> None:
    monkeypatch.setattr(whole_blocks, "COMPILED_STEPS", 2)  # half a minute less than eight
    architecture = Architecture.model_validate({"title": "any", "layers": [{"linear": 4}, "relu"]})
    results: list[dict[str, torch.Tensor]] = []
    for compile_it in (True, False):
        training = small_training(small_configuration(architecture, epochs=1, compile=compile_it, **fields))
        notices = [event.text for event in training if isinstance(event, Noticed)]
        assert any("compiling" in text for text in notices) is compile_it
        results.append(training.snapshot()["net"])
    for one, other in zip(*(result.values() for result in results), strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("fields", [{}, {"optimizer": "adam"}])
def test_what_cannot_be_compiled_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    def no_compiler(function: object, **_: object) -> Callable[..., None]:
        def call(*_: object) -> None:
            raise LookupError("no C++ compiler found\nsearched in …")

        return call

    monkeypatch.setattr(torch, "compile", no_compiler)
    training = small_training(small_configuration(compile=True, **fields))
    with pytest.raises(DeviceError, match=r"no C\+\+ compiler found. Set compile = false"):
        list(training)


def test_a_block_compiled_is_a_few_steps() -> None:
    assert CompiledPath(small_net([]), Hyperparameters()).block_steps == 8
    assert GraphedPath(small_net([]), Hyperparameters()).block_steps == 32
    assert GraphedPath(small_net([]), Hyperparameters(batch_size=300)).block_steps == 3
    assert GraphedPath(small_net([]), Hyperparameters(batch_size=5000)).block_steps == 1
