"""From data to nets: sizes and counts agree with torch's, and nets only torch can size are checked."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lazytrain.engine.compute.architecture import build_layers, build_net
from lazytrain.engine.compute.checking import check_net
from lazytrain.engine.compute.trial import try_somewhere
from lazytrain.presets import Architecture, LayerError, PresetError, count_parameters, load_catalogue, size_layers
from tests.helpers.examples import examples

LISTED = {name: preset.get() for name, preset in load_catalogue().architectures.items()}


@pytest.mark.parametrize("name", [name for name, architecture in LISTED.items() if architecture.layers is not None])
def test_shipped_nets_are_what_their_table_says(name: str) -> None:
    layers = LISTED[name].layers
    assert layers is not None
    sized = size_layers(layers, (3, 32, 32), 10)
    net = build_layers(sized)
    assert sum(parameter.numel() for parameter in net.parameters()) == count_parameters(sized)
    value = torch.zeros(2, 3, 32, 32)
    shapes = []
    for module in net:
        value = module(value)
        if not isinstance(module, nn.Flatten):
            shapes.append(tuple(value.shape[1:]))
    assert shapes == [layer.output_shape for layer in sized]


layer_lists = st.lists(
    st.one_of(
        st.builds(
            lambda conv, kernel, stride, padding: {
                "conv": conv,
                "kernel": kernel,
                "stride": stride,
                "padding": padding,
            },
            *(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), st.integers(0, 2)),
        ),
        st.builds(lambda window, stride: {"maxpool": window, "stride": stride}, st.integers(1, 4), st.integers(1, 4)),
        st.builds(lambda window: {"avgpool": window}, st.integers(1, 4)),
        st.builds(lambda linear, bias: {"linear": linear, "bias": bias}, st.integers(1, 9), st.booleans()),
        st.sampled_from(["relu", "leaky_relu", "tanh", "gelu", "sigmoid", "flatten", "batch_norm", "global_avgpool"]),
        st.just({"dropout": 0.5}),
    ),
    max_size=6,
)


@given(layers=layer_lists, height=st.integers(1, 14), width=st.integers(1, 14), channels=st.integers(1, 3))
@settings(max_examples=examples(150))
def test_any_list_that_is_sized_can_be_built(layers: list[object], height: int, width: int, channels: int) -> None:
    architecture = Architecture.model_validate({"title": "any", "layers": layers})
    assert architecture.layers is not None
    try:
        sized = size_layers(architecture.layers, (channels, height, width), 3)
    except LayerError:
        return  # refused: what is refused, and how, has its own tests
    net = build_layers(sized).eval()
    assert net(torch.zeros(2, channels, height, width)).shape == (2, 3)
    assert sum(parameter.numel() for parameter in net.parameters()) == count_parameters(sized)


def test_weights_come_from_the_seed_alone() -> None:
    architecture = LISTED["coolnet-v10"]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = build_net(architecture, (3, 32, 32), 10, seed=1)
    torch.rand(3)
    second = build_net(architecture, (3, 32, 32), 10, seed=1)
    third = build_net(architecture, (3, 32, 32), 10, seed=2)
    torch.manual_seed(5)
    assert torch.equal(before, torch.get_rng_state())
    weights = [next(net.parameters()) for net in (first, second, third)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_torchvision_net_is_checked_without_computing() -> None:
    rows = check_net(LISTED["resnet18"], (3, 32, 32), 10)
    assert rows[0] == ("conv1", "64×16×16", 9_408)
    assert rows[-1] == ("fc", "10", 5_130)
    assert sum(count for *_, count in rows) == 11_181_642


def user_net(folder: Path, name: str, body: str) -> Architecture:
    (folder / f"{name}.py").write_text(f"import torch\nfrom torch import nn\n\n\n{body}\n")
    return Architecture(title=name, module=f"{name}:Net")


def test_users_module_is_found_beside_its_presets(tmp_path: Path) -> None:
    body = """class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(3 * 8 * 8, num_classes)

    def forward(self, x):
        return self.head(x.flatten(1))"""
    architecture = user_net(tmp_path, "lazytrain_test_good", body)
    assert check_net(architecture, (3, 8, 8), 5, tmp_path) == [("head", "5", 965)]
    net = build_net(architecture, (3, 8, 8), 5, seed=0, module_folder=tmp_path)
    assert net(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


def test_module_that_meta_cannot_run_is_tried_for_real(tmp_path: Path) -> None:
    body = """class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(3, num_classes)

    def forward(self, x):
        scale = 1.0 if x.mean().item() > 0 else 2.0  # a value, which meta has not
        return self.head(x.mean((2, 3)) * scale)"""
    architecture = user_net(tmp_path, "lazytrain_test_value", body)
    assert try_somewhere(architecture, (3, 8, 8), 5, tmp_path) == [("head", "5", 20)]


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        ("return x.flatten(1)", r"its output in train mode is \(2, 192\), not \(2, 5\)"),
        ("raise KeyError('no such layer')", "no such layer"),
    ],
)
def test_module_that_fails_is_refused(tmp_path: Path, forward: str, reason: str) -> None:
    body = f"""class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()

    def forward(self, x):
        {forward}"""
    name = f"lazytrain_test_bad_{len(forward)}"
    with pytest.raises(PresetError, match=reason):
        # As in the process that `check_net` starts.
        try_somewhere(user_net(tmp_path, name, body), (3, 8, 8), 5, tmp_path)


KEEPS = """class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.head = nn.Linear(3, num_classes)

    def forward(self, x):
        self.seen = torch.ones(1)  # there once an image was seen
        return self.head(x.mean((2, 3)))

    def get_extra_state(self):
        return {get}
"""


@pytest.mark.parametrize(
    ("get", "set_extra_state", "reason"),
    [
        ("1", "", "the net: it has get_extra_state, and no set_extra_state to take it"),
        ("lambda: 1", "pass", "the net: what its get_extra_state gives can't be pickled"),
        ("[][0]", "pass", "IndexError"),
        ("1", "raise SystemExit(state)", "SystemExit: 1"),
    ],
)
def test_a_net_that_could_not_be_resumed_is_refused_before_it_is_trained(
    tmp_path: Path, get: str, set_extra_state: str, reason: str
) -> None:
    body = KEEPS.format(get=get)
    if set_extra_state:
        body += f"\n    def set_extra_state(self, state):\n        {set_extra_state}"
    architecture = user_net(tmp_path, f"lazytrain_test_keeps_{len(get)}_{len(set_extra_state)}", body)
    with pytest.raises(PresetError, match=rf"could not go on after a stop: .*{reason}"):
        try_somewhere(architecture, (3, 8, 8), 5, tmp_path)


def test_what_a_net_keeps_may_be_made_by_its_first_images(tmp_path: Path) -> None:
    body = KEEPS.format(get="self.seen") + "\n    def set_extra_state(self, state):\n        self.seen = int(state[0])"
    assert try_somewhere(user_net(tmp_path, "lazytrain_test_keeps", body), (3, 8, 8), 5, tmp_path)


def test_missing_nets_are_named() -> None:
    with pytest.raises(PresetError, match="torchvision has no such classifier"):
        check_net(Architecture(title="x", torchvision="resnet19"), (3, 32, 32), 10)
    with pytest.raises(PresetError, match="no_such_package"):
        try_somewhere(Architecture(title="x", module="no_such_package:Net"), (3, 32, 32), 10, None)
