"""Tables of what ships: layer kinds, architectures, hyperparameters, studies."""

from __future__ import annotations

from collections.abc import Iterator

from docs.scripts.tables import table, value
from lazytrain.presets import load_catalogue
from lazytrain.presets.expansion import expand_study
from lazytrain.presets.layers import count_parameters, size_layers
from lazytrain.presets.schema import PLAIN_LAYERS, AvgPool, Conv, Dropout, Frozen, LeakyRelu, Linear, MaxPool, Residual

LAYERS: tuple[type[Frozen], ...] = (Conv, MaxPool, AvgPool, Linear, Dropout, LeakyRelu, Residual)
PLAIN = {
    "relu": "max(x, 0)",
    "leaky_relu": "with a slope of 0.01 below zero",
    "tanh": "hyperbolic tangent",
    "gelu": "Gaussian error linear unit",
    "sigmoid": "logistic function",
    "flatten": "an image as one row of numbers; done by itself before a linear layer",
    "batch_norm": "2-d after a convolution, 1-d after a linear layer",
    "global_avgpool": "the mean of each channel, as one row of numbers",
}
CIFAR10 = (3, 32, 32), 10
"""Shape of an image and number of classes."""


def list_layers() -> str:
    """How each kind of layer is written. Raises KeyError for one that isn't described here."""
    rows = [(f"`{written_layer(kind)}`", first_sentence(kind)) for kind in LAYERS]
    rows += [(f'`"{name}"`', PLAIN[name]) for name in PLAIN_LAYERS]
    return table(("layer", "what it is"), rows)


def written_layer(kind: type[Frozen]) -> str:
    """`{ conv = 16, kernel = 5, stride = 1, padding = 0, bias = true }`: the defaults where there are any."""
    examples = {"conv": 16, "kernel": 5, "maxpool": 2, "avgpool": 2, "linear": 120, "dropout": 0.5, "leaky_relu": 0.1}
    if kind is Residual:
        return '{ residual = [{ conv = 16, kernel = 3, padding = 1 }, "relu"] }'
    values = ((name, field.default) for name, field in kind.model_fields.items())
    written = (f"{name} = {value(examples.get(name, 2 if default is None else default))}" for name, default in values)
    return f"{{ {', '.join(written)} }}"


def first_sentence(kind: type[Frozen]) -> str:
    """What the type says of itself, without its example."""
    if kind is LeakyRelu:
        return "LeakyReLU with another slope below zero"
    said = (kind.__doc__ or "").split("\n")[0].rstrip(".")
    head, _, example = said.partition(": `{")
    rest = example.partition("}`")[2]
    return head + rest if rest.startswith(";") else head


def list_architectures() -> str:
    """Name, parameters on CIFAR-10, and what it is."""
    rows: list[tuple[str, str, str]] = []
    for name, preset in load_catalogue().architectures.items():
        architecture = preset.get()
        sized = size_layers(architecture.layers, *CIFAR10) if architecture.layers is not None else None
        rows.append((f"`{name}`", f"{count_parameters(sized):,}" if sized else "", architecture.about))
    return table(("architecture", "parameters", "what it is"), rows)


def list_hyperparameter_presets() -> str:
    """Name, what it sets, and what it is."""
    presets = load_catalogue().hyperparameters
    rows = ((f"`{name}`", ", ".join(_changes(name)), preset.get().about) for name, preset in presets.items())
    return table(("hyperparameters", "sets", "what it is"), rows)


def _changes(name: str) -> Iterator[str]:
    preset = load_catalogue().hyperparameter_preset(name)
    values = preset.values.model_dump(exclude_defaults=True)
    for field in preset.changed:
        if field not in values:
            continue
        if isinstance(values[field], dict):
            inner = ", ".join(f"{key} = {value(each)}" for key, each in values[field].items())
            yield f"`{field} = {{ {inner} }}`"
        else:
            yield f"`{field} = {value(values[field])}`"


def list_studies() -> str:
    """Name, number of runs, and what it changes."""
    catalogue = load_catalogue()
    rows = (
        (f"`{name}`", str(len(expand_study(catalogue, name))), preset.get().about)
        for name, preset in catalogue.studies.items()
    )
    return table(("study", "runs", "what it is"), rows)
