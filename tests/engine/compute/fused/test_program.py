"""Programs against autograd in double precision: compiled, and run as plain Python, which the same text is."""

from __future__ import annotations

import contextlib
import copy
import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lazytrain.engine.compute.architecture import build_layers
from lazytrain.engine.compute.fused.compiling import compile_text, load_object
from lazytrain.engine.compute.fused.planes import NARROW, WIDE
from lazytrain.engine.compute.fused.program import HEAD, write_program
from lazytrain.engine.compute.fused.stack import NotServed
from lazytrain.engine.compute.fused.stages import Array
from lazytrain.engine.compute.fused.updates import scalars_of
from lazytrain.engine.compute.metrics import loss_rows
from lazytrain.engine.compute.paths import make_optimizer
from lazytrain.presets import Architecture, Hyperparameters, LayerError, size_layers

RATES = (0.05, 0.05, 0.02)
DOUBLES = """
from __future__ import annotations
import math
import numpy as np
f32, u64 = np.float64, np.uint64
"""

layer_lists = st.lists(
    st.one_of(
        st.builds(
            lambda *values: dict(zip(("conv", "kernel", "padding", "stride", "bias"), values, strict=True)),
            *(st.integers(1, 4), st.integers(1, 7), st.integers(0, 3), st.sampled_from([1, 1, 2]), st.booleans()),
        ),
        st.builds(lambda window, stride: {"maxpool": window, "stride": stride}, st.integers(1, 3), st.integers(1, 3)),
        st.builds(lambda window: {"avgpool": window}, st.integers(1, 3)),
        st.builds(lambda linear, bias: {"linear": linear, "bias": bias}, st.integers(1, 5), st.booleans()),
        st.sampled_from(["relu", "leaky_relu", "tanh", "gelu", "sigmoid", "flatten", {"leaky_relu": 0.3}]),
        st.sampled_from(["global_avgpool", {"dropout": 0.0}]),
    ),
    max_size=6,
)
optimizers = st.sampled_from(
    [
        {},
        {"weight_decay": 0.1},
        {"momentum": 0.9},
        {"momentum": 0.9, "weight_decay": 0.1, "nesterov": True},
        {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "adamw", "weight_decay": 0.1},
    ]
)
losses = st.sampled_from([{}, {"loss": "mse"}, {"label_smoothing": 0.125}])


def run_plainly(text: str) -> dict[str, Any]:
    """The functions of a program, as Python computes them, in double precision."""
    functions: dict[str, Any] = {}
    exec(compile(text.replace(HEAD, DOUBLES), "a program", "exec"), functions)
    return functions


def run_compiled(text: str) -> dict[str, Any]:
    """The same, as LLVM compiles them, for arrays."""
    loaded = load_object(text, compile_text(text, double=True))

    def given(value: Any) -> Any:
        return ctypes.c_void_p(value.ctypes.data) if isinstance(value, np.ndarray) else ctypes.c_uint64(int(value))

    def caller(name: str) -> Any:
        return lambda *arguments: loaded.functions[name](*map(given, arguments))

    return {name: caller(name) for name in loaded.functions}


def zeros(arrays: dict[str, Array], most: int) -> list[np.ndarray]:
    kinds = {"f32": np.float64, "i32": np.int32}
    return [np.zeros([size or most for size in each.shape], kinds[each.number]) for each in arrays.values()]


def made_net(layers: list[object], shape: tuple[int, int, int]) -> nn.Sequential | None:
    """A net in double precision; None where the layers don't fit."""
    architecture = Architecture.model_validate({"title": "any", "layers": layers})
    assert architecture.layers is not None
    try:
        sized = size_layers(architecture.layers, shape, 4)
    except LayerError:
        return None
    return build_layers(sized).double()


def check(
    net: nn.Sequential,
    values: Hyperparameters,
    shape: tuple[int, int, int],
    sizes: list[int],
    run: Callable[[str], dict[str, Any]] = run_plainly,
) -> None:
    """Some steps, of so many images each, by the program and by autograd; then the net's logits as it is evaluated."""
    as_bytes = len(sizes) % 2 == 0
    registers = WIDE if len(sizes) == 2 or run is run_compiled else NARROW
    program = write_program(net, values, shape, as_bytes=as_bytes, registers=registers)
    other = copy.deepcopy(net)
    parameters = [each.detach().numpy() for each in net.parameters()]
    states = [np.zeros_like(each) for each in parameters for _ in program.optimizer.states]
    images, targets = torch.randn(sum(sizes), *shape, dtype=torch.float64), torch.randint(0, 4, (sum(sizes),))
    whole = torch.randint(0, 256, images.shape, dtype=torch.uint8)
    if as_bytes:
        images = whole.double() / 127.5 - 1
    flat, logits = images.reshape(len(images), -1).numpy(), np.zeros((len(images), 4))
    functions = run(program.text)
    scalars = [scalars_of(program.optimizer, rate, index) for index, rate in enumerate(RATES[: len(sizes)])]
    given = whole.reshape(len(images), -1).numpy() if as_bytes else flat
    block = (
        given,
        targets.numpy(),
        np.array(sizes),
        np.array(scalars),
        logits,
        np.uint64(7),
        0,
        len(sizes),
        max(sizes),
    )
    with np.errstate(over="ignore"):  # a hash's products are meant to
        functions["steps"](*block, *zeros(program.buffers, max(sizes)), *parameters, *states)
    optimizer = make_optimizer(other, values)
    outputs: list[torch.Tensor] = []
    parts = zip(images.split(sizes), targets.split(sizes), RATES, strict=False)
    for some_images, some_targets, rate in parts:
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        outputs.append(other(some_images))
        loss_rows(outputs[-1], some_targets, values).mean().backward()
        optimizer.step()
    # Adam's epsilon and its decays are what they are in float32, too; the rest is double precision's rounding.
    near: dict[str, Any] = {"rtol": 1e-8, "atol": 1e-10} if values.optimizer == "sgd" else {"rtol": 1e-6, "atol": 1e-8}
    torch.testing.assert_close(torch.from_numpy(logits), torch.cat(outputs).detach(), **near)
    for mine, theirs in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, **near)
    functions["predict"](flat, logits, len(flat), 3, *zeros(program.predict_buffers, 3), *parameters)
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(logits), other.eval()(images), **near)


@given(
    layers=layer_lists,
    shape=st.tuples(st.integers(1, 3), st.integers(2, 7), st.integers(2, 7)),
    optimizer=optimizers,
    loss=losses,
    sizes=st.sampled_from([[1, 1], [4, 4, 2], [3, 4], [5, 1], [4, 4, 5]]),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=60, deadline=None)
def test_steps_are_autograds(
    layers: list[object],
    shape: tuple[int, int, int],
    optimizer: dict[str, Any],
    loss: dict[str, Any],
    sizes: list[int],
    seed: int,
) -> None:
    torch.manual_seed(seed)
    net = made_net(layers, shape)
    if net is None:
        return
    values = Hyperparameters.model_validate({"batch_size": sizes[0], **optimizer, **loss})
    with contextlib.suppress(NotServed):  # an activation after another, or before any layer with weights
        check(net, values, shape, sizes)


S, C = nn.Sequential, nn.Conv2d


@pytest.mark.parametrize(
    ("layers", "features", "channels"),
    [
        ([C(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2)], 6, 2),
        ([C(1, 3, 3), C(3, 2, 3, padding=1)], 24, 1),
        ([C(1, 2, (3, 1)), nn.Tanh()], 36, 1),
        ([C(1, 3, 3, stride=(2, 1), padding=(1, 0)), nn.ReLU(), C(3, 2, 2, stride=2, padding=(0, 1))], 6, 1),
        ([C(2, 3, 7, padding=3), nn.Sigmoid(), C(3, 2, 7, padding=3)], 60, 2),
        ([nn.MaxPool2d(3, 1), C(1, 2, 2), nn.GELU(), nn.AvgPool2d(2, 1)], 4, 1),
        ([C(1, 2, 3), nn.AdaptiveAvgPool2d(1)], 2, 1),
    ],
    ids=["pooled", "stacked", "oblong", "strides", "large kernels", "overlapping", "global"],
)
@pytest.mark.parametrize("sizes", [[4, 4, 3], [1, 9]], ids=str)
def test_kinds_of_stacks(layers: list[nn.Module], features: int, channels: int, sizes: list[int]) -> None:
    torch.manual_seed(0)
    net = S(*layers, nn.Flatten(), nn.Linear(features, 3), nn.ReLU(), nn.Linear(3, 4))
    for run in (run_plainly, run_compiled):
        check(copy.deepcopy(net).double(), Hyperparameters(batch_size=sizes[0]), (channels, 5, 6), sizes, run)


@pytest.mark.parametrize(
    "net",
    [
        S(C(1, 2, 3, stride=3), nn.Flatten(), nn.Linear(2, 4)),
        S(C(1, 2, 3, dilation=2), nn.Flatten(), nn.Linear(8, 4)),
        S(C(1, 65, 3), nn.Flatten(), nn.Linear(8, 4)),
        S(C(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 4)),
        S(nn.Flatten(), nn.Linear(25, 4), nn.ReLU()),
        nn.Linear(3, 4),
    ],
    ids=["stride", "dilation", "wide", "batch norm", "no linear layer at the end", "no stack"],
)
def test_what_has_no_program_is_refused(net: nn.Module) -> None:
    with pytest.raises(NotServed):
        write_program(net, Hyperparameters(), (1, 5, 5))


def test_dropout_draws_by_the_step_and_gives_gradients_where_it_kept() -> None:
    net = S(nn.Flatten(), nn.Linear(2, 4000), nn.Dropout(0.3), nn.Linear(4000, 4)).double()
    functions = run_plainly(write_program(net, Hyperparameters(), (1, 1, 2)).text)
    drop, back = functions["drop_3"], functions["drop_back_3"]

    def dropped(function: Callable[..., None], key: int) -> np.ndarray:
        out = np.zeros((1, 4000))
        with np.errstate(over="ignore"):
            function(np.ones((1, 4000)), out, 1, np.uint64(key))
        return out

    once, again, other = dropped(drop, 1), dropped(back, 1), dropped(drop, 2)
    assert set(once.ravel()) == {0.0, 1 / 0.7}
    # Within five standard deviations of a binomial's 0.7.
    assert abs((once > 0).mean() - 0.7) < 5 * (0.21 / 4000) ** 0.5
    assert (once == again).all()
    assert 0.3 < (once != other).mean() < 0.55  # twice 0.3 · 0.7
