"""Training by a compiled program: bits, resumes, caches, and what happens without a compiler."""

from __future__ import annotations

import copy
import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.compute.fused import compiling, path
from lazytrain.engine.compute.fused.compiling import (
    FOLDER,
    CannotCompile,
    Loaded,
    compile_aside,
    is_compiled,
    load_program,
)
from lazytrain.engine.compute.fused.path import FusedPath, compile_ahead, find_program, worthwhile_program
from lazytrain.engine.compute.paths import make_path, ready_path
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.batches import Block, normalise
from lazytrain.engine.data.loading import Dataset, Split
from lazytrain.engine.errors import DeviceError
from lazytrain.engine.events import EpochEnded, RunDiverged, RunStarted, StepsDone
from lazytrain.engine.training.loop import Training
from lazytrain.presets import Architecture, Hyperparameters

pytest.importorskip("llvmlite")
SHAPE = (1, 6, 6)
LAYERS = [{"conv": 2, "kernel": 3}, "relu", {"maxpool": 2}, {"linear": 5}]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all: each program is compiled once."""
    return tmp_path_factory.mktemp("programs")


@pytest.fixture(autouse=True)
def _folder(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(programs))


def configuration(**values: Any) -> RunConfiguration:
    return RunConfiguration(
        architecture_name="small",
        architecture=Architecture.model_validate({"title": "small", "layers": LAYERS}),
        hyperparameters=Hyperparameters.model_validate({"epochs": 2, "momentum": 0.9, **values}),
    )


def noise() -> Dataset:
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> Split:
        images = torch.randint(0, 256, (count, *SHAPE), dtype=torch.uint8, generator=generator)
        return Split(images=images, labels=torch.randint(0, 3, (count,), generator=generator))

    names = ("a", "b", "c")
    return Dataset(name="noise", classes=names, train=split(58), test=split(20), checksum="", resident=True, notes=())


def training(made: RunConfiguration, **more: Any) -> Training:
    net = build_net(made.architecture, SHAPE, 3, seed=0)
    return Training(made, noise(), net, **{"path": "fused", **more})


def weights(run: Training) -> list[Tensor]:
    return [each.clone() for each in run._net.parameters()]


def test_it_trains_as_autograd_does_and_again_the_same_bits() -> None:
    plain = configuration()
    runs = [training(plain), training(plain, path="autograd")]
    events = [list(run) for run in runs]
    assert isinstance(events[0][0], RunStarted)
    assert events[0][0].path == "fused"
    for mine, theirs in zip(weights(runs[0]), weights(runs[1]), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)
    ends = [[each.record for each in some if isinstance(each, EpochEnded)] for some in events]
    assert [each.test_accuracy for each in ends[0]] == [each.test_accuracy for each in ends[1]]
    again = training(plain)
    list(again)
    assert all(torch.equal(one, other) for one, other in zip(weights(runs[0]), weights(again), strict=True))


def test_a_resume_goes_on_with_the_same_bits() -> None:
    """From the middle of an epoch, with the velocities, and the count of steps that dropout draws by."""
    whole = training(configuration(), clock=iter(range(10**6)).__next__)
    points = [point for event in whole if isinstance(event, StepsDone) for point in event.points]
    begun = training(configuration(), clock=iter(range(10**6)).__next__)
    taken: list[Any] = []
    for event in begun:
        if isinstance(event, StepsDone):
            taken += event.points
        if isinstance(event, StepsDone) and 0 < begun.step < begun.steps_per_epoch:
            break
    snapshot = begun.snapshot()
    assert snapshot["path"] == "fused"
    assert snapshot["optimizer"]["count"] == begun.step
    on = training(configuration(), snapshot=snapshot, clock=iter(range(10**6)).__next__)
    taken += [point for event in on if isinstance(event, StepsDone) for point in event.points]
    assert [(each.step, each.loss) for each in taken] == [(each.step, each.loss) for each in points]
    assert all(torch.equal(one, other) for one, other in zip(weights(on), weights(whole), strict=True))


@pytest.mark.parametrize(
    "values",
    [
        {"weight_decay": 0.01},
        {"momentum": 0.9, "weight_decay": 0.01, "nesterov": True},
        {"optimizer": "adam", "weight_decay": 0.01},
        {"optimizer": "adamw", "weight_decay": 0.01},
    ],
    ids=["plain", "momentum", "adam", "adamw"],
)
def test_the_norm_of_a_steps_gradient_is_autograds(values: dict[str, Any]) -> None:
    """Of any step of a block, whose other steps keep their bits."""
    made = Hyperparameters.model_validate(values)
    nets = [build_net(configuration().architecture, SHAPE, 3, seed=0) for _ in range(3)]
    paths = [
        make_path(net, made, name, input_shape=SHAPE)
        for net, name in zip(nets, ("fused", "fused", "autograd"), strict=True)
    ]
    images, targets = torch.randint(0, 256, (10, *SHAPE), dtype=torch.uint8), torch.randint(0, 3, (10,))
    rates = [0.1, 0.1, 0.0]
    block = Block(images, targets, list(zip(images.split(4), targets.split(4), strict=True)))
    for each in paths:
        each.prepare(SHAPE)
    logits, others = paths[0].enter(block, rates, 1), paths[1].enter(block, rates)
    assert logits is not None
    assert others is not None
    assert torch.equal(logits, others)
    norms: list[Tensor | None] = []
    for (some, goals), rate in zip(block.batches, rates, strict=True):
        paths[2].step(normalise(some), goals, torch.empty(len(some), 3), rate)
        norms.append(paths[2].gradient_norm())
    torch.testing.assert_close(paths[0].gradient_norm(), norms[1], rtol=1e-5, atol=0)
    for mine, other, theirs in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(mine, other)
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("fields", "layers"),
    [({}, LAYERS), ({"batch_size": 6, "schedule": "one_cycle"}, [{"dropout": 0.2}, {"linear": 9}, "gelu"])],
    ids=["planes", "vectors"],
)
def test_resuming_at_any_event_changes_nothing(fields: dict[str, Any], layers: list[object]) -> None:
    """Woken before each block, so that every block is an event."""
    made = configuration(**fields)
    made = made.model_copy(update={"architecture": Architecture.model_validate({"title": "any", "layers": layers})})
    whole = training(made)
    list(whole)
    begun, snapshots = training(made), []
    for event in begun:
        begun.wake = True
        if isinstance(event, StepsDone):
            snapshots.append(copy.deepcopy(begun.snapshot()))
    assert len(snapshots) > 3
    for snapshot in snapshots:
        on = training(made, snapshot=snapshot)
        list(on)
        assert all(torch.equal(one, other) for one, other in zip(weights(on), weights(whole), strict=True))


def test_a_checkpoint_of_blocked_steps_goes_on_with_derived_ones() -> None:
    made = configuration(momentum=0.0)
    begun = training(made, path="derived")
    for event in begun:
        if isinstance(event, EpochEnded):
            break
    on = training(made, snapshot={**begun.snapshot(), "path": "blocked"})
    assert [event.path for event in on if isinstance(event, RunStarted)] == ["derived"]
    assert on.epoch == 2


def test_a_loss_that_is_no_number_is_found() -> None:
    run = training(configuration(learning_rate=1000.0, epochs=40))
    assert isinstance(list(run)[-1], RunDiverged)


def test_only_long_trainings_are_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    net = build_net(configuration().architecture, SHAPE, 3, seed=0)
    values = Hyperparameters(momentum=0.9, epochs=2)
    operations = find_program(net, values, SHAPE).operations
    # Multiplications of an image: 18 and a bias's are none at each of 16 places, twice; 8 · 5 and 5 · 3 three times.
    assert operations == 2 * 18 * 16 + 3 * (2 * 2 * 2 * 5 + 5 * 3)
    monkeypatch.setattr(path, "WORTH_OPERATIONS", 2 * operations * 1000)
    assert make_path(net, values, input_shape=SHAPE, num_images=1000).name == "fused"
    assert make_path(net, values, input_shape=SHAPE, num_images=999).name == "derived"
    assert make_path(net, values, input_shape=SHAPE, num_images=1000, micro_batches=2).name == "autograd"
    assert make_path(net, values).name == "derived"
    for batch_size, threads, served in ((256, 1, True), (257, 1, False), (16, 2, True), (17, "auto", False)):
        large = values.model_copy(update={"batch_size": batch_size, "threads": threads})
        assert (worthwhile_program(net, large, SHAPE, 10**9) is not None) is served
    # What autograd alone computes has none.
    assert worthwhile_program(net, values.model_copy(update={"precision": "bfloat16"}), SHAPE, 10**9) is None


def test_without_a_compiler_it_is_trained_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    net, values = build_net(configuration().architecture, SHAPE, 3, seed=0), Hyperparameters(epochs=2)

    def fail(_text: str) -> None:
        raise CannotCompile("llvmlite isn't installed: pip install llvmlite")

    monkeypatch.setattr(path, "WORTH_OPERATIONS", 1)
    monkeypatch.setattr(path, "load_program", fail)
    found, notices = ready_path(net, values, SHAPE, num_images=1000)
    assert found.name == "derived"
    said = "llvmlite isn't installed: pip install llvmlite: trained without it, which takes several times as long"
    assert notices == [said]
    with pytest.raises(DeviceError, match="it was trained with fused steps, and llvmlite isn't installed"):
        ready_path(net, values, SHAPE, "fused")
    monkeypatch.setattr(path, "has_compiler", lambda: False)
    found, notices = ready_path(net, values, SHAPE, num_images=1000)
    assert (found.name, notices) == ("derived", [])


TEXT = """
def steps(y: f32[:], count: i64):
    for i in range(count):
        y[i] = y[i] + f32(i)
"""


def counted(loaded: Loaded) -> list[float]:
    """What `TEXT` makes of three ones."""
    ones = np.ones(3, np.float32)
    loaded.functions["steps"](ctypes.c_void_p(ones.ctypes.data), ctypes.c_int64(3))
    return ones.tolist()


@pytest.mark.parametrize("damage", [b"", b"no such thing", b"\n", None], ids=["empty", "text", "no sum", "cut short"])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes | None) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "programs"))
    assert not is_compiled(TEXT)
    assert counted(load_program(TEXT)) == [1, 2, 3]
    assert is_compiled(TEXT)
    file = compiling.program_file(TEXT)
    whole = file.read_bytes()
    file.write_bytes(whole[:-9] if damage is None else damage)
    assert counted(load_program(TEXT)) == [1, 2, 3]
    assert file.read_bytes() == whole
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_compiling_aside_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "programs"))
    assert all(each >= 0 for each in compile_aside(TEXT, sleep=lambda _: None))
    assert is_compiled(TEXT)
    with pytest.raises(CannotCompile, match=r"the steps can't be compiled: .*no_such_name"):
        list(compile_aside("def steps():\n    no_such_name()", sleep=lambda _: None))


def test_a_folder_that_cant_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(FOLDER, str(tmp_path / "file"))
    with pytest.raises(CannotCompile, match="can't be kept in"):
        load_program(TEXT)


def test_what_is_there_isnt_compiled_again() -> None:
    net, values = build_net(configuration().architecture, SHAPE, 3, seed=0), configuration().hyperparameters
    load_program(find_program(net, values, SHAPE).text)
    assert list(compile_ahead(net, values, SHAPE, 58, "fused")) == []
    assert list(compile_ahead(net, values, SHAPE, 58, "derived")) == []
    made = FusedPath(net, values, SHAPE)
    made.prepare(SHAPE)
    images = torch.randn(3, *SHAPE)
    with torch.no_grad():
        torch.testing.assert_close(made.evaluate(images), net.eval()(images), rtol=1e-5, atol=1e-6)
