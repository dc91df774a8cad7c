"""The shipped presets as the report defines them, their sizes worked out by hand, and how mistakes are refused."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest

from lazytrain.presets import (
    Architecture,
    Catalogue,
    Hyperparameters,
    LayerError,
    PresetError,
    SizedLayer,
    count_parameters,
    list_titles,
    load_catalogue,
    override,
    parse_setting,
    size_layers,
)

CIFAR10 = ((3, 32, 32), 10)

ARCHITECTURES = (
    *("coolnet-v1", "coolnet-v2", "coolnet-v2-k3", "coolnet-v2-k9", "coolnet-v3", "coolnet-v4", "coolnet-v5"),
    *("coolnet-v6", "coolnet-v7", "coolnet-v8", "coolnet-v10", "boringnet", "boringnet-relu", "boringnet-leaky-relu"),
    *("lazynet", "resnet18"),
)

# Worked out by hand: a convolution has out·(in·k² + 1) parameters, a linear layer out·(in + 1).
CONV_6, CONV_16 = 6 * (3 * 25 + 1), 16 * (6 * 25 + 1)
HEAD = 84 * 121 + 10 * 85
"""linear 120 → 84 → 10, at the end of most nets."""
PARAMETERS = {
    "lazynet": 10 * 3073,
    "boringnet": 120 * 3073 + HEAD,
    "boringnet-relu": 120 * 3073 + HEAD,
    "boringnet-leaky-relu": 120 * 3073 + HEAD,
    **{f"coolnet-v{number}": CONV_6 + CONV_16 + 120 * 401 + HEAD for number in (1, 2, 3, 4, 7, 10)},
    "coolnet-v2-k3": 6 * 28 + 16 * 55 + 120 * (16 * 6 * 6 + 1) + HEAD,
    "coolnet-v2-k9": 6 * 244 + 16 * 487 + 120 * (16 * 2 * 2 + 1) + HEAD,
    "coolnet-v5": CONV_6 + 120 * (6 * 14 * 14 + 1) + HEAD,
    "coolnet-v6": 16 * 76 + 120 * (16 * 14 * 14 + 1) + HEAD,
    "coolnet-v8": CONV_6 + CONV_16 + 84 * 401 + 10 * 85,
}
TOTALS = {
    **{"lazynet": 30_730, "boringnet": 379_774, "coolnet-v10": 62_006, "coolnet-v2-k3": 81_302},
    **{"coolnet-v2-k9": 28_070, "coolnet-v5": 152_710, "coolnet-v6": 388_670, "coolnet-v8": 37_406},
}
"""The same, added up: a slip in the sums above would show."""

COOLNET = ((6, 28, 28), (6, 14, 14), (16, 10, 10), (16, 5, 5))
OUTPUTS: dict[str, tuple[tuple[int, ...], ...]] = {
    "lazynet": ((10,),),
    "boringnet": ((120,), (84,), (10,)),
    "coolnet-v1": (*COOLNET, (120,), (84,), (10,)),
    "coolnet-v10": (*COOLNET, (120,), (84,), (10,)),
    "coolnet-v2-k3": ((6, 30, 30), (6, 15, 15), (16, 13, 13), (16, 6, 6), (120,), (84,), (10,)),
    "coolnet-v2-k9": ((6, 24, 24), (6, 12, 12), (16, 4, 4), (16, 2, 2), (120,), (84,), (10,)),
    "coolnet-v5": ((6, 28, 28), (6, 14, 14), (120,), (84,), (10,)),
    "coolnet-v6": ((16, 28, 28), (16, 14, 14), (120,), (84,), (10,)),
    "coolnet-v8": (*COOLNET, (84,), (10,)),
}
"""Output of each layer that is no activation."""

ACTIVATIONS = {
    "lazynet": ((), ()),
    "boringnet": ((), ()),
    "boringnet-relu": ((), ("ReLU", "ReLU")),
    "boringnet-leaky-relu": ((), ("LeakyReLU", "LeakyReLU")),
    "coolnet-v1": (("LeakyReLU", "LeakyReLU"), ("LeakyReLU", "LeakyReLU")),
    "coolnet-v2": (("ReLU", "ReLU"), ("ReLU", "ReLU")),
    "coolnet-v2-k3": (("ReLU", "ReLU"), ("ReLU", "ReLU")),
    "coolnet-v2-k9": (("ReLU", "ReLU"), ("ReLU", "ReLU")),
    "coolnet-v3": (("ReLU", "ReLU"), ("LeakyReLU", "LeakyReLU")),
    "coolnet-v4": (("LeakyReLU", "LeakyReLU"), ("ReLU", "ReLU")),
    "coolnet-v5": (("ReLU",), ("ReLU", "ReLU")),
    "coolnet-v6": (("ReLU",), ("ReLU", "ReLU")),
    "coolnet-v7": ((), ("ReLU", "ReLU")),
    "coolnet-v8": (("ReLU", "ReLU"), ("ReLU",)),
    "coolnet-v10": ((), ("LeakyReLU", "LeakyReLU")),
}
"""(after convolutions, after linear layers)"""

HYPERPARAMETERS: dict[str, dict[str, Any]] = {
    "default": {},
    "quick": {"dataset": "digits", "validation_fraction": 0.1},
    "batch-5": {"batch_size": 5},
    "batch-10": {"batch_size": 10},
    "batch-20": {"batch_size": 20},
    "lr-10": {"learning_rate": 10.0},
    "lr-0.1": {"learning_rate": 0.1},
    "lr-0.0001": {"learning_rate": 0.0001},
    "decreasing-lr": {"schedule": "exponential"},
    "augmentation": {},
    "mse": {"loss": "mse", "epochs": 200},
}
"""What each differs in; quick's epochs are sized to the machine, augmentation is looked at apart."""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def yours(tmp_path: Path) -> Path:
    """A user's presets folder."""
    for kind in ("architectures", "hyperparameters"):
        (tmp_path / "presets" / kind).mkdir(parents=True)
    return tmp_path / "presets"


def sized(catalogue: Catalogue, name: str) -> tuple[SizedLayer, ...]:
    layers = catalogue.architecture(name).layers
    assert layers is not None
    return size_layers(layers, *CIFAR10)


# ── the shipped list ───────────────────────────────────────────────────────────────────────────────────────


def test_the_shipped_list(catalogue: Catalogue) -> None:
    assert set(catalogue.architectures) == set(ARCHITECTURES)
    assert set(catalogue.hyperparameters) == set(HYPERPARAMETERS)
    kinds = (catalogue.architectures, catalogue.hyperparameters, catalogue.studies)
    assert [preset.error for kind in kinds for preset in kind.values() if preset.error] == []


def test_what_a_newcomer_wants_is_listed_first(catalogue: Catalogue) -> None:
    assert next(iter(catalogue.architectures)) == "coolnet-v10"
    assert next(iter(catalogue.hyperparameters)) == "quick"


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_counts(catalogue: Catalogue, name: str) -> None:
    assert count_parameters(sized(catalogue, name)) == PARAMETERS[name]
    assert PARAMETERS[name] == TOTALS.get(name, PARAMETERS[name])


@pytest.mark.parametrize("name", OUTPUTS)
def test_output_sizes(catalogue: Catalogue, name: str) -> None:
    layers = [layer for layer in sized(catalogue, name) if "ReLU" not in layer.name]
    assert tuple(layer.output_shape for layer in layers) == OUTPUTS[name]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_stand_where_the_report_has_them(catalogue: Catalogue, name: str) -> None:
    layers = sized(catalogue, name)
    found: dict[str, list[str]] = {"conv": [], "linear": []}
    for before, layer in pairwise(layers):
        if "ReLU" in layer.name:
            found[before.name.split()[0]].append(layer.name)
    assert (tuple(found["conv"]), tuple(found["linear"])) == ACTIVATIONS[name]


@pytest.mark.parametrize("name", PARAMETERS)
def test_each_layer_starts_where_the_one_before_ends(catalogue: Catalogue, name: str) -> None:
    layers = sized(catalogue, name)
    assert layers[0].input_shape == (3, 32, 32)
    assert [layer.input_shape for layer in layers[1:]] == [layer.output_shape for layer in layers[:-1]]
    assert [layer.added for layer in layers] == [False] * (len(layers) - 1) + [True]


def test_resnet18_is_torchvisions(catalogue: Catalogue) -> None:
    assert catalogue.architecture("resnet18").torchvision == "resnet18"


@pytest.mark.parametrize("name", HYPERPARAMETERS)
def test_a_hyperparameter_preset_differs_from_the_report_in_just_what_it_says(catalogue: Catalogue, name: str) -> None:
    values = catalogue.hyperparameter_preset(name).values.model_dump()
    default = Hyperparameters().model_dump()
    looked_at_apart = ({"epochs"} if name == "quick" else set()) | {"augmentation"}
    changed = {field: value for field, value in values.items() if value != default[field]}
    assert {field: value for field, value in changed.items() if field not in looked_at_apart} == HYPERPARAMETERS[name]
    assert catalogue.hyperparameter_preset(name).values.augmentation.active == (name in ("augmentation", "mse"))


def test_the_defaults_are_the_reports() -> None:
    default = Hyperparameters()
    assert (default.dataset, default.epochs, default.batch_size) == ("cifar10", 50, 4)
    assert (default.optimizer, default.momentum, default.learning_rate) == ("sgd", 0.0, 0.01)
    assert (default.schedule, default.loss, default.on_nan) == ("constant", "cross_entropy", "stop")


def test_every_field_says_what_it_is() -> None:
    for name in ("momentum", "validation_fraction", "on_nan", "time_budget_minutes"):
        assert Hyperparameters.model_fields[name].description


# ── nets that don't fit ────────────────────────────────────────────────────────────────────────────────────

COOLNET_V9 = [
    *({"conv": 6, "kernel": 5}, "relu", {"maxpool": 4}),
    *({"conv": 16, "kernel": 5}, "relu", {"maxpool": 4}),
    *({"linear": 120}, "relu", {"linear": 84}, "relu"),
]


def test_coolnet_v9_is_refused_with_layer_input_and_window() -> None:
    net = Architecture.model_validate({"title": "CoolNet v9", "layers": COOLNET_V9})
    assert net.layers is not None
    with pytest.raises(LayerError) as refused:
        size_layers(net.layers, *CIFAR10)
    assert (refused.value.number, refused.value.layer.kind, refused.value.input_shape) == (6, "maxpool", (16, 3, 3))
    assert str(refused.value) == (
        "layer 6 (maxpool 4): input 16×3×3: its window 4×4 is larger than the 3×3 map it sees"
    )


@pytest.mark.parametrize(
    ("layers", "number", "words"),
    [
        ([{"conv": 4, "kernel": 33}], 1, "33×33"),
        ([{"linear": 10}, {"conv": 4, "kernel": 3}], 2, "flat by here"),
        (["flatten", {"maxpool": 2}], 2, "flat by here"),
        ([{"linear": 10}, "global_avgpool"], 2, "flat by here"),
        ([{"avgpool": 16}, {"avgpool": 4}], 2, "larger than the 2×2 map"),
        ([{"linear": 2**24}], 1, r"linear 16777216.*51,556,384,768 parameters are more than 17,179,869,184"),
        ([{"linear": 2**20}, {"linear": 2**20}], 2, "linear 1048576.*make it smaller"),
        ([{"conv": 2**24, "kernel": 3, "padding": 50}], 1, "conv 16777216.*numbers for each image"),
    ],
)
def test_what_does_not_fit_is_named(layers: list[Any], number: int, words: str) -> None:
    net = Architecture.model_validate({"title": "t", "layers": layers})
    with pytest.raises(LayerError, match=words) as refused:
        size_layers(net.layers or (), *CIFAR10)
    assert refused.value.number == number


@pytest.mark.parametrize(
    ("layer", "output", "parameters"),
    [
        ({"conv": 8, "kernel": 3, "padding": 1}, (8, 32, 32), 8 * 28),
        ({"conv": 8, "kernel": 3, "stride": 2}, (8, 15, 15), 8 * 28),
        ({"conv": 8, "kernel": 3, "bias": False}, (8, 30, 30), 8 * 27),
        ({"maxpool": 3, "stride": 2}, (3, 15, 15), 0),
        ({"avgpool": 4}, (3, 8, 8), 0),
        ("batch_norm", (3, 32, 32), 6),
        ("global_avgpool", (3,), 0),
        ("flatten", (3072,), 0),
        ({"dropout": 0.5}, (3, 32, 32), 0),
        ({"leaky_relu": 0.1}, (3, 32, 32), 0),
        ("gelu", (3, 32, 32), 0),
    ],
)
def test_sizes_of_every_layer_kind(layer: Any, output: tuple[int, ...], parameters: int) -> None:
    net = Architecture.model_validate({"title": "t", "layers": [layer]})
    first = size_layers(net.layers or (), *CIFAR10)[0]
    assert (first.output_shape, first.num_parameters) == (output, parameters)


# ── mistakes of a person ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("hyperparameters", "lerning_rate = 0.1", ["unknown field lerning_rate = 0.1", "did you mean learning_rate?"]),
        ("hyperparameters", "lr = 0.1", ["unknown field lr = 0.1", "did you mean learning_rate?"]),
        ("hyperparameters", "wd = 0.1", ["did you mean weight_decay?"]),
        ("hyperparameters", "epochs = 0", ["epochs = 0", "greater than or equal to 1"]),
        ("hyperparameters", 'epochs = "many"', ["epochs = 'many'", "must be"]),
        ("hyperparameters", 'optimizer = "sdg"', ["optimizer = 'sdg'", "'sgd'"]),
        (
            "hyperparameters",
            'dataset = "mnist"',
            ["dataset = 'mnist'", "cifar10, digits, folder:<path> or torchvision:<set>"],
        ),
        ("hyperparameters", "learning_rate = nan", ["learning_rate = nan", "finite number"]),
        ("hyperparameters", "augmentation = { flip = 2 }", ["augmentation.flip = 2", "less than or equal to 1"]),
        ("hyperparameters", 'optimizer = "adam"\nmomentum = 0.9', ["momentum = 0.9", "'sgd'"]),
        ("hyperparameters", "nesterov = true", ["momentum above 0"]),
        ("hyperparameters", "epochs = 2\nwarmup_epochs = 3", ["warmup_epochs = 3", "epochs = 2"]),
        ("hyperparameters", "epochs = = 3", ["not valid TOML", "line 2"]),
        ("architectures", "layers = [{ conv = 6 }]", ["layers.1.kernel is missing"]),
        ("architectures", 'layers = ["rleu"]', ["layers.1", "unknown layer 'rleu'", "relu"]),
        ("architectures", "layers = [{ conv = 6, kernel = 5, stried = 2 }]", ["layers.1.stried"]),
        ("architectures", "layers = [{ conv = 6, maxpool = 5 }]", ["exactly one kind"]),
        ("architectures", "layers = [{ linear = 1_000_000_000_000 }]", ["layers.1.linear = 1000000000000", "16777216"]),
        (
            "architectures",
            "layers = [{ conv = 1_000_000_000, kernel = 3 }]",
            ["layers.1.conv = 1000000000: must be less than or equal to 16777216"],
        ),
        ("architectures", "layers = [{ conv = 6, kernel = 99_999 }]", ["layers.1.kernel = 99999", "4096"]),
        ("architectures", "layers = [{ conv = 6, kernel = 3, stride = 99_999 }]", ["layers.1.stride = 99999"]),
        ("architectures", "layers = [{ conv = 6, kernel = 3, padding = 99_999 }]", ["layers.1.padding = 99999"]),
        ("architectures", "layers = [{ maxpool = 99_999 }]", ["layers.1.maxpool = 99999"]),
        ("architectures", "layers = [{ avgpool = 2, stride = 99_999 }]", ["layers.1.stride = 99999"]),
        ("hyperparameters", "image_size = 1_000_000", ["image_size = 1000000", "1024"]),
        ("hyperparameters", "batch_size = 1_000_000", ["batch_size = 1000000", "65536"]),
        ("architectures", "layers = [{ linear = 1.5 }]", ["layers.1.linear = 1.5", "whole number"]),
        ("architectures", "", ["exactly one of layers, torchvision, module"]),
        ("architectures", 'layers = []\ntorchvision = "resnet18"', ["exactly one of", "layers, torchvision"]),
        ("architectures", 'module = "mine.Net"', ["package.module:Class", "'mine.Net'"]),
    ],
)
def test_mistakes_name_file_field_value_and_what_would_be_right(
    yours: Path, kind: str, text: str, words: list[str]
) -> None:
    file = yours / kind / "mine.toml"
    file.write_text(f'title = "mine"\n{text}\n')
    error = getattr(load_catalogue(yours), kind)["mine"].error
    assert error is not None
    for word in (str(file), *words):
        assert word in error


def test_one_broken_preset_hides_no_other(yours: Path) -> None:
    (yours / "architectures" / "broken.toml").write_text("layers = 3")
    (yours / "architectures" / "latin.toml").write_bytes(b'title = "\xe9"')
    (yours / "architectures" / "fine.toml").write_text('title = "fine"\nlayers = ["relu"]')
    catalogue = load_catalogue(yours)
    assert set(catalogue.architectures) == {*ARCHITECTURES, "broken", "latin", "fine"}
    assert [name for name, preset in catalogue.architectures.items() if preset.error] == ["broken", "latin"]
    assert catalogue.architecture("fine").title == "fine"
    with pytest.raises(PresetError, match=r"broken\.toml"):
        catalogue.architecture("broken")


def test_your_preset_overrides_the_shipped_one_in_its_place(yours: Path) -> None:
    (yours / "architectures" / "lazynet.toml").write_text('title = "my LazyNet"\nlayers = ["tanh"]')
    catalogue = load_catalogue(yours)
    assert list(catalogue.architectures) == list(load_catalogue().architectures)
    assert catalogue.architecture("lazynet").title == "my LazyNet"
    assert catalogue.architectures["lazynet"].origin == "yours"


def test_presets_hold_only_what_differs_from_your_default(yours: Path) -> None:
    (yours / "hyperparameters" / "default.toml").write_text('title = "mine"\nepochs = 7\nbatch_size = 64')
    catalogue = load_catalogue(yours)
    assert catalogue.hyperparameter_preset("default").values.epochs == 7
    batch_5 = catalogue.hyperparameter_preset("batch-5")
    assert (batch_5.values.epochs, batch_5.values.batch_size, batch_5.changed) == (7, 5, ("batch_size",))


def test_a_module_works_only_from_your_own_folder(yours: Path) -> None:
    (yours / "architectures" / "mine.toml").write_text('title = "mine"\nmodule = "mine:Net"\narguments = { width = 8 }')
    mine = load_catalogue(yours).architecture("mine")
    assert (mine.module, mine.arguments) == ("mine:Net", {"width": 8})


def test_an_unknown_preset_names_those_there_are(catalogue: Catalogue) -> None:
    with pytest.raises(PresetError, match=r"no architecture preset 'coolnet'; there are: coolnet-v10, .*lazynet"):
        catalogue.architecture("coolnet")
    with pytest.raises(PresetError, match=r"no hyperparameters preset 'fast'; there are: quick, default"):
        catalogue.hyperparameter_preset("fast")


# ── settings ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("learning_rate=0.1", "learning_rate", 0.1),
        (" epochs = 3 ", "epochs", 3),
        ("deterministic=false", "deterministic", False),
        ("optimizer=adam", "optimizer", "adam"),
        ('optimizer="adam"', "optimizer", "adam"),
        ("dataset=folder:/a=b", "dataset", "folder:/a=b"),
        ("augmentation.flip=0.5", "augmentation.flip", 0.5),
    ],
)
def test_a_setting_is_read_as_toml_or_as_text(text: str, name: str, value: Any) -> None:
    assert parse_setting(text) == (name, value)


@pytest.mark.parametrize("text", ["learning_rate", "=3", ""])
def test_a_setting_without_field_or_value_is_refused(text: str) -> None:
    with pytest.raises(PresetError, match="field=value"):
        parse_setting(text)


def test_settings_are_laid_over_a_preset(catalogue: Catalogue) -> None:
    preset = catalogue.hyperparameter_preset("augmentation")
    values = override(preset, {"epochs": 3, "augmentation.flip": 0.25}, "--set")
    assert (values.epochs, values.augmentation.flip, values.augmentation.shift) == (3, 0.25, 0.5)
    assert preset.values.epochs == 50, "the preset itself is as it was"


@pytest.mark.parametrize("field", ["epoch", "augmentation.flop", "epochs.flip"])
def test_unknown_settings_are_refused(catalogue: Catalogue, field: str) -> None:
    with pytest.raises(PresetError, match=r"--set: unknown field"):
        override(catalogue.hyperparameter_preset("default"), {field: 1}, "--set")


def test_presets_need_no_torch_and_no_screen() -> None:
    code = (
        "import sys; from lazytrain import presets; presets.load_catalogue();"
        "print({'torch', 'textual', 'numpy'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"


# ── at a glance ────────────────────────────────────────────────────────────────────────────────────────────


def test_titles_at_a_glance_are_those_of_the_files_and_in_their_order(tmp_path: Path) -> None:
    folder = tmp_path / "architectures"
    folder.mkdir()
    (folder / "lazynet.toml").write_text("title = 'my LazyNet'  # mine\nlayers = ['relu']\n")
    (folder / "escaped.toml").write_text('title = "caf\\u00e9"\nlayers = ["relu"]\n')
    (folder / "latin.toml").write_bytes(b"title = '\xe9'")
    catalogue = load_catalogue(tmp_path)
    kinds = {"architectures": catalogue.architectures, "studies": catalogue.studies}
    for kind, presets in {**kinds, "hyperparameters": catalogue.hyperparameters}.items():
        titles = list_titles(cast(Any, kind), tmp_path)
        assert list(titles) == list(presets)
        for name, preset in presets.items():
            hidden = name == "escaped" or preset.value is None
            assert titles[name] == (name if hidden else cast(Any, preset.value).title)
    assert list_titles("architectures", tmp_path)["lazynet"] == "my LazyNet"


def test_titles_at_a_glance_take_no_pydantic() -> None:
    code = (
        "import sys; from lazytrain import presets;"
        "print(len(presets.list_titles('architectures')), 'pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(ARCHITECTURES)), "False"]
