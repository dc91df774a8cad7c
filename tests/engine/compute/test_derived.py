"""The derived path against autograd: every layer kind, both losses, each optimizer setting it serves."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lazytrain.engine.compute.architecture import build_layers, build_net
from lazytrain.engine.compute.derived import DerivedPath, serves
from lazytrain.engine.compute.paths import AutogradPath, make_optimizer, make_path
from lazytrain.presets import Architecture, Hyperparameters, LayerError, load_catalogue, size_layers
from tests.helpers.examples import examples

layer_lists = st.lists(
    st.one_of(
        st.builds(
            lambda conv, kernel, stride, bias: {"conv": conv, "kernel": kernel, "stride": stride, "bias": bias},
            *(st.sampled_from([1, 2, 4, 6, 9]), st.integers(1, 3), st.integers(1, 2), st.booleans()),
        ),
        st.builds(lambda padding: {"conv": 3, "kernel": 3, "padding": padding}, st.integers(0, 2)),
        st.builds(lambda window, stride: {"maxpool": window, "stride": stride}, st.integers(1, 3), st.integers(1, 3)),
        st.builds(lambda window: {"avgpool": window}, st.integers(1, 3)),
        st.builds(lambda linear, bias: {"linear": linear, "bias": bias}, st.integers(1, 9), st.booleans()),
        st.sampled_from(["relu", "leaky_relu", "tanh", "gelu", "sigmoid", "flatten", {"leaky_relu": 0.3}]),
    ),
    max_size=6,
)
optimizers = st.sampled_from([{}, {"weight_decay": 0.1}, {"momentum": 0.9}, {"momentum": 0.9, "weight_decay": 0.1}])
# An eighth is exact in float32, which goals are in.
losses = st.sampled_from([{}, {"loss": "mse"}, {"label_smoothing": 0.125}])


@given(
    layers=layer_lists,
    shape=st.tuples(st.integers(1, 3), st.integers(3, 9), st.integers(3, 9)),
    optimizer=optimizers,
    loss=losses,
    batch_size=st.integers(1, 6),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=examples(200))
def test_three_steps_are_autograds(
    layers: list[object],
    shape: tuple[int, int, int],
    optimizer: dict[str, Any],
    loss: dict[str, Any],
    batch_size: int,
    seed: int,
) -> None:
    architecture = Architecture.model_validate({"title": "any", "layers": layers})
    assert architecture.layers is not None
    try:
        sized = size_layers(architecture.layers, shape, 4)
    except LayerError:
        return
    torch.manual_seed(seed)
    # In double precision, so that a wrong rule can't hide in rounding.
    nets = [build_layers(sized).double()]
    nets.append(copy.deepcopy(nets[0]))
    values = Hyperparameters.model_validate({"batch_size": batch_size, **optimizer, **loss})
    paths = [DerivedPath(nets[0], values), AutogradPath(nets[1], values)]
    for rate in (0.05, 0.05, 0.02):
        images = torch.randn(batch_size, *shape, dtype=torch.float64)
        targets = torch.randint(0, 4, (batch_size,))
        outputs = [torch.empty(batch_size, 4, dtype=torch.float64) for _ in paths]
        norms = []
        for path, output in zip(paths, outputs, strict=True):
            with path.mode():
                path.watch()
                path.step(
                    images, path.goals(targets).to(targets.dtype if path is paths[1] else torch.float64), output, rate
                )
                norms.append(float(path.gradient_norm() or 0.0))
        torch.testing.assert_close(*outputs)
        assert norms[0] == pytest.approx(norms[1], rel=1e-4, abs=1e-6)
    for ours, theirs in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("batch_size", [4, 20])
def test_a_convolutional_net_trains_as_by_autograd_in_single_precision(batch_size: int) -> None:
    # The kernels of double precision are others than those that are used.
    torch.manual_seed(0)
    nets = [build_net(load_catalogue().architecture("coolnet-v10"), (3, 32, 32), 10, seed=0) for _ in range(2)]
    values = Hyperparameters(batch_size=batch_size)
    derived, autograd = DerivedPath(nets[0], values), AutogradPath(nets[1], values)
    for _ in range(3):
        images, targets = torch.randn(batch_size, 3, 32, 32), torch.randint(0, 10, (batch_size,))
        outputs = [torch.empty(batch_size, 10) for _ in range(2)]
        with derived.mode():
            derived.step(images, derived.goals(targets), outputs[0], 0.01)
        autograd.step(images, targets, outputs[1], 0.01)
        torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-4)
    for ours, theirs in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    ("layers", "fields", "path"),
    [
        ([{"conv": 2, "kernel": 3}, "relu", {"linear": 5}], {}, "derived"),
        ([], {"momentum": 0.9, "weight_decay": 1e-4}, "derived"),
        ([], {"momentum": 0.9, "nesterov": True}, "autograd"),
        ([], {"optimizer": "adam"}, "autograd"),
        (["batch_norm"], {}, "autograd"),
        ([{"dropout": 0.5}], {}, "autograd"),
        (["global_avgpool"], {}, "autograd"),
    ],
)
def test_the_rule(layers: list[object], fields: dict[str, Any], path: str) -> None:
    architecture = Architecture.model_validate({"title": "any", "layers": layers})
    assert architecture.layers is not None
    net = build_layers(size_layers(architecture.layers, (3, 8, 8), 3))
    values = Hyperparameters.model_validate(fields)
    assert make_path(net, values).name == path
    assert serves(net, values) is (path == "derived")
    assert make_path(net, values, "autograd").name == "autograd"


def test_micro_batches_are_the_same_effective_batch() -> None:
    architecture = Architecture.model_validate({"title": "any", "layers": [{"conv": 3, "kernel": 3}, "relu"]})
    assert architecture.layers is not None
    whole = build_layers(size_layers(architecture.layers, (3, 8, 8), 3)).double()
    parts = copy.deepcopy(whole)
    values = Hyperparameters(learning_rate=0.1)
    images, targets = torch.randn(7, 3, 8, 8, dtype=torch.float64), torch.arange(7) % 3
    outputs = [torch.empty(7, 3, dtype=torch.float64) for _ in range(2)]
    make_path(whole, values, "autograd").step(images, targets, outputs[0], 0.1)
    divided = make_path(parts, values, micro_batches=4)
    assert divided.name == "autograd"
    divided.step(images, targets, outputs[1], 0.1)
    torch.testing.assert_close(*outputs)
    for one, other in zip(whole.parameters(), parts.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_what_is_not_served_is_refused() -> None:
    net = build_layers(size_layers([], (3, 8, 8), 3))
    with pytest.raises(ValueError, match="plain stacks"):
        DerivedPath(net, Hyperparameters(optimizer="adam"))
    with pytest.raises(ValueError, match="no path 'guessed'"):
        make_path(net, Hyperparameters(), "guessed")


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_fused_optimizers_are_the_plain_ones(optimizer: str) -> None:
    values = Hyperparameters.model_validate({"optimizer": optimizer, "weight_decay": 0.01})
    nets = [build_layers(size_layers([], (3, 8, 8), 3))]
    nets.append(copy.deepcopy(nets[0]))
    fused, plain = (make_optimizer(net, values) for net in nets)
    assert fused.param_groups[0]["fused"]
    # As a checkpoint from before says.
    state = plain.state_dict()
    state["param_groups"][0]["fused"] = None
    plain.load_state_dict(state)
    assert not plain.param_groups[0]["fused"]
    images = torch.randn(5, 3, 8, 8)
    for net, each in zip(nets, (fused, plain), strict=True):
        for _ in range(3):
            each.zero_grad()
            net(images).square().mean().backward()
            each.step()
    for one, other in zip(*(net.parameters() for net in nets), strict=True):
        torch.testing.assert_close(one, other)
