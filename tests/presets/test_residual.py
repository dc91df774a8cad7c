"""The layer kind that its input goes around."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from lazytrain.engine.analysis.identity import identify
from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.compute.paths import make_path
from lazytrain.presets.layers import LayerError, count_parameters, size_layers
from lazytrain.presets.schema import Architecture, Hyperparameters
from tests.helpers.bench import configuration

SHAPE = (3, 8, 8)
BLOCK: dict[str, Any] = {"residual": [{"conv": 4, "kernel": 3, "padding": 1, "bias": False}, "batch_norm", "relu"]}


def net(*layers: object) -> Architecture:
    return Architecture.model_validate({"title": "any", "layers": [{"conv": 4, "kernel": 1}, *layers]})


def test_it_adds_its_input_to_what_its_layers_make_of_it() -> None:
    architecture = net(BLOCK, {"residual": [BLOCK, "tanh"]})
    made: Any = build_net(architecture, SHAPE, 10, seed=0).eval()
    first, outer, second, _, _ = made
    images = torch.randn(2, *SHAPE)
    x = first(images)
    y = x + outer[2](outer[1](outer[0](x)))
    torch.testing.assert_close(second[0](y), y + second[0][2](second[0][1](second[0][0](y))))
    torch.testing.assert_close(made[:3](images), y + torch.tanh(second[0](y)))
    sized = size_layers(architecture.layers or (), SHAPE, 10)
    assert [each.output_shape for each in sized] == [(4, 8, 8)] * 3 + [(10,)]
    assert count_parameters(sized) == sum(parameter.numel() for parameter in made.parameters())
    assert sized[1].name == "residual (conv 4 · 3×3 padding 1, batch norm, ReLU)"


def test_it_is_trained_by_autograd() -> None:
    made = build_net(net(BLOCK), SHAPE, 10, seed=0)
    assert "autograd" in make_path(made, Hyperparameters()).name


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([{"conv": 4, "kernel": 3}], r"layer 2 \(residual .*\): input 4×8×8: its layers end with 4×6×6, to which"),
        ([{"maxpool": 2}], "its layers end with 4×4×4"),
        (
            [{"linear": 4}, {"conv": 1, "kernel": 1}],
            r"layer 2 .*: layer 2 \(conv 1 · 1×1\): input 4: it needs an",
        ),
    ],
)
def test_what_changes_the_shape_is_named(layers: list[object], said: str) -> None:
    with pytest.raises(LayerError, match=said):
        size_layers(net({"residual": layers}).layers or (), SHAPE, 10)


@pytest.mark.parametrize("value", [[], "relu", [{"conv": 4}], [{"residual": []}]])
def test_what_is_no_list_of_layers_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        net({"residual": value})


def test_what_is_written_otherwise_and_means_the_same_is_the_same_experiment() -> None:
    def identity(stride: dict[str, int]) -> str:
        pooled = [{"conv": 4, "kernel": 3, "padding": 1}, {"maxpool": 1, **stride}]
        return identify(configuration(net({"residual": pooled})))

    assert identity({}) == identity({"stride": 1})
    assert identity({}) != identify(configuration(net(BLOCK)))
