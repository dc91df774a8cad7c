"""What a user's own net draws and remembers: the same bits whenever it is left and gone on with."""

from __future__ import annotations

import collections
import copy
import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.compute.net_state import load_net_state, net_state
from lazytrain.engine.compute.randomness import forked, random_state, seed_all, set_random_state
from lazytrain.engine.events import Event, RunFinished, RunStarted
from lazytrain.engine.store.checkpoint import load_checkpoint, save_checkpoint, weights_sha256
from lazytrain.engine.training.loop import Training
from lazytrain.presets import Architecture
from tests.helpers.events import Ticks, digest, points, records
from tests.helpers.nets import SMALL_NET, small_configuration, small_dataset, small_training

CPU = torch.device("cpu")


class Tally:
    """No tensor and no plain value."""

    def __init__(self) -> None:
        self.seen: collections.deque[int] = collections.deque(maxlen=3)


class Drawing(nn.Module):
    """Draws from every generator there is, and from what it remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 8 * 8, 3)
        self.tally = Tally()
        for parameter in self.parameters():
            nn.init.constant_(parameter, 0.01)

    def forward(self, images: Tensor) -> Tensor:
        self.tally.seen.append(len(images))
        noise = random.gauss(0, 1) + np.random.randn() + float(torch.rand(())) + 0.1 * sum(self.tally.seen)
        return self.head(images.flatten(1)) * (1 + 0.1 * noise)

    def get_extra_state(self) -> Any:
        return {"tally": self.tally, "tensor": torch.ones(2)}

    def set_extra_state(self, state: Any) -> None:
        self.tally = state["tally"]


def train(snapshot: dict[str, Any] | None = None, tick: float = 0.0) -> Training:
    return Training(
        small_configuration(SMALL_NET),
        small_dataset(),
        Drawing(),
        snapshot=snapshot,
        path="autograd",
        clock=Ticks(tick),
    )


def disturb() -> None:
    """Another's use of the generators must not matter."""
    random.random()
    np.random.rand()
    torch.rand(1)


def test_a_net_that_draws_and_remembers_resumes_at_any_event(tmp_path: Path) -> None:
    whole = train()
    expected = list(whole)
    disturb()
    again = train()
    assert points(list(again)) == points(expected)
    assert digest(again) == digest(whole)

    events: list[Event] = []
    snapshot: dict[str, Any] | None = None
    while not events or not isinstance(events[-1], RunFinished):
        training = train(snapshot, tick=0.04)
        iterator = iter(training)
        assert isinstance(next(iterator), RunStarted)
        events.append(next(iterator))
        # As a file, from which nothing is executed.
        saved = save_checkpoint(tmp_path, training.snapshot())
        snapshot = load_checkpoint(saved.path)
        disturb()
    assert len(events) > 10
    assert points(events) == points(expected)
    assert records(events) == records(expected)
    assert snapshot is not None
    assert weights_sha256(snapshot["net"]) == digest(whole)


def test_the_best_weights_keep_what_the_net_remembered_then() -> None:
    training = train()
    list(training)
    assert training.best_weights is not None
    net = Drawing()
    load_net_state(net, copy.deepcopy(training.best_weights))
    assert len(net.tally.seen) == 3


def test_what_cannot_be_kept_is_named() -> None:
    class Unkept(Drawing):
        def get_extra_state(self) -> Any:
            return (each for each in "ab")

    with pytest.raises(RuntimeError, match=r"1: what its get_extra_state gives can't be pickled.*generator"):
        net_state(nn.Sequential(nn.Flatten(), Unkept()))


def test_bytes_are_taken_apart_only_for_who_asked_for_them() -> None:
    state = net_state(Drawing())
    assert set(state) == {"head.weight", "head.bias", "_extra_state"}
    assert not isinstance(state["_extra_state"], Tally)
    torch.load(_saved(state), weights_only=True)
    with pytest.raises(RuntimeError, match="_extra_state"):
        load_net_state(nn.Linear(3, 3), state)


def _saved(state: dict[str, Any]) -> io.BytesIO:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return buffer


def test_an_older_checkpoint_has_only_torchs_generator() -> None:
    training = train()
    iterator = iter(training)
    next(iterator)
    snapshot = copy.deepcopy(training.snapshot())
    snapshot["rng"] = {"cpu": snapshot["rng"]["cpu"]}
    first, second = train(snapshot), train(snapshot)
    assert points(list(first)) == points(list(second))
    assert digest(first) == digest(second)


@pytest.mark.parametrize("seed", [0, 2**62 + 5])
def test_the_generators_go_on_where_they_stood(seed: int) -> None:
    def draw() -> list[float]:
        return [random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), float(torch.rand(()))]

    seed_all(seed)
    draw()
    buffer = io.BytesIO()
    torch.save(random_state(CPU), buffer)
    expected = draw()
    seed_all(1)
    set_random_state(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True), CPU, 1)
    assert draw() == expected

    seed_all(seed)
    first = draw()
    seed_all(seed)
    with forked([]):
        draw()
        np.random.set_bit_generator(np.random.PCG64(3))  # type: ignore[attr-defined]  # numpy's stubs lack it
    assert draw() == first


def test_a_net_that_puts_another_generator_in_numpys_place_resumes_too() -> None:
    with forked([]):
        np.random.set_bit_generator(np.random.PCG64(3))  # type: ignore[attr-defined]  # numpy's stubs lack it
        state = random_state(CPU)
        expected = np.random.rand()
    with forked([]):
        set_random_state(state, CPU, 0)
        assert np.random.rand() == expected


def test_weights_drawn_from_any_generator_come_from_the_seed(tmp_path: Path) -> None:
    (tmp_path / "lazytrain_test_draws.py").write_text(
        "import random\nimport numpy as np\nimport torch\nfrom torch import nn\n\n\nclass Net(nn.Module):\n"
        "    def __init__(self, num_classes):\n        super().__init__()\n"
        "        self.weight = nn.Parameter(torch.tensor([random.random(), np.random.rand(), float(torch.rand(()))]))\n"
    )
    own = Architecture(title="x", module="lazytrain_test_draws:Net")

    def weights(seed: int) -> list[float]:
        disturb()
        return next(build_net(own, (3, 8, 8), 3, seed=seed, module_folder=tmp_path).parameters()).tolist()

    assert weights(0) == weights(0)
    assert all(one != other for one, other in zip(weights(0), weights(1), strict=True))


def test_a_net_without_extra_state_is_saved_as_before() -> None:
    training = small_training(small_configuration())
    assert all(isinstance(value, Tensor) for value in training.snapshot()["net"].values())
