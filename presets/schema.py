"""The types of what people write: architectures, hyperparameters, studies.

Every type is frozen and refuses unknown fields, so that a typo is an error and a run's configuration cannot change
under it. Only data lives here: nothing imports torch, so that a list of presets is there at once.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

from lazytrain.presets.arguments import check_arguments


class Frozen(BaseModel):
    """Base of everything a person writes: frozen, no unknown fields, no NaN or infinite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# Above what any net has, so that a slip of the finger is told of before memory is asked for.
Width = Annotated[int, Field(ge=1, le=2**24, strict=True)]
"""Of a layer: channels, or features."""
Window = Annotated[int, Field(ge=1, le=4096, strict=True)]
"""What slides over an image, in pixels, and its steps."""
Padding = Annotated[int, Field(ge=0, le=4096, strict=True)]
Probability = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**63, strict=True)]
Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class Conv(Frozen):
    """2-d convolution: `{ conv = 16, kernel = 5 }` gives 16 output channels."""

    kind: ClassVar[str] = "conv"
    conv: Width
    kernel: Window
    stride: Window = 1
    padding: Padding = 0
    bias: bool = True

    def describe(self) -> str:
        extra = (f" stride {self.stride}" if self.stride != 1 else "") + (
            f" padding {self.padding}" if self.padding else ""
        )
        return f"conv {self.conv} · {self.kernel}×{self.kernel}{extra}"


class MaxPool(Frozen):
    """Maximum over windows: `{ maxpool = 2 }`; the stride is the window unless given."""

    kind: ClassVar[str] = "maxpool"
    maxpool: Window
    stride: Window | None = None

    def describe(self) -> str:
        return f"maxpool {self.maxpool}" + (f" stride {self.stride}" if self.stride else "")


class AvgPool(Frozen):
    """Mean over windows: `{ avgpool = 2 }`; the stride is the window unless given."""

    kind: ClassVar[str] = "avgpool"
    avgpool: Window
    stride: Window | None = None

    def describe(self) -> str:
        return f"avgpool {self.avgpool}" + (f" stride {self.stride}" if self.stride else "")


class Linear(Frozen):
    """Fully connected layer: `{ linear = 120 }`; an image is flattened before it."""

    kind: ClassVar[str] = "linear"
    linear: Width
    bias: bool = True

    def describe(self) -> str:
        return f"linear {self.linear}"


class Dropout(Frozen):
    """Zeroes each value with a probability while training: `{ dropout = 0.5 }`."""

    kind: ClassVar[str] = "dropout"
    dropout: Annotated[float, Field(ge=0, lt=1)]

    def describe(self) -> str:
        return f"dropout {self.dropout:g}"


class LeakyRelu(Frozen):
    """`"leaky_relu"` (slope 0.01, torch's default), or `{ leaky_relu = 0.1 }` for another slope below zero."""

    kind: ClassVar[str] = "leaky_relu"
    leaky_relu: Annotated[float, Field(ge=0)] = 0.01

    def describe(self) -> str:
        return "LeakyReLU" + (f" {self.leaky_relu:g}" if self.leaky_relu != 0.01 else "")


class Plain(Frozen):
    """A layer without settings, written as a string: `"relu"`, `"flatten"`, `"batch_norm"`, …"""

    kind: ClassVar[str] = "plain"
    name: Literal["relu", "tanh", "gelu", "sigmoid", "flatten", "batch_norm", "global_avgpool"]

    def describe(self) -> str:
        return {"relu": "ReLU", "gelu": "GELU", "batch_norm": "batch norm", "global_avgpool": "global avgpool"}.get(
            self.name, self.name
        )


class Residual(Frozen):
    """Layers around which their input goes, too: it is added to what they make of it, which has its shape."""

    kind: ClassVar[str] = "residual"
    residual: Annotated[tuple[Layer, ...], Field(min_length=1)]

    def describe(self) -> str:
        return f"residual ({', '.join(layer.describe() for layer in self.residual)})"


_TABLES: dict[str, type[Frozen]] = {
    layer.kind: layer for layer in (Conv, MaxPool, AvgPool, Linear, Dropout, LeakyRelu, Residual)
}
PLAIN_LAYERS: tuple[str, ...] = (
    "relu",
    "leaky_relu",
    "tanh",
    "gelu",
    "sigmoid",
    "flatten",
    "batch_norm",
    "global_avgpool",
)
LAYER_KINDS: tuple[str, ...] = (*(kind for kind in _TABLES if kind != "leaky_relu"), *PLAIN_LAYERS)


def _read_layer(value: Any) -> Any:
    """`"relu"` and `{ conv = 6, … }` as written in a preset → what the layer types take."""
    if isinstance(value, str):
        if value == "leaky_relu":
            return LeakyRelu()
        if value not in PLAIN_LAYERS:
            raise ValueError(f"unknown layer {value!r}; known: {', '.join(LAYER_KINDS)}")
        return {"name": value}
    return value


def _layer_tag(value: Any) -> str:
    if isinstance(value, Frozen):
        return str(getattr(value, "kind", "plain"))
    if isinstance(value, dict):
        named = [kind for kind in _TABLES if kind in value]
        if len(named) == 1:
            return named[0]
        if "name" in value:
            return "plain"
    return "unknown"


class _Unknown(Frozen):
    """Takes no value: it only words the error for a table that names no layer kind, or two."""

    kind: ClassVar[str] = "unknown"

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, value: Any) -> Any:
        raise ValueError(f"a layer names exactly one kind of: {', '.join(LAYER_KINDS)}")

    def describe(self) -> str:
        return "unknown"


Layer = Annotated[
    Annotated[Conv, Tag("conv")]
    | Annotated[MaxPool, Tag("maxpool")]
    | Annotated[AvgPool, Tag("avgpool")]
    | Annotated[Linear, Tag("linear")]
    | Annotated[Dropout, Tag("dropout")]
    | Annotated[LeakyRelu, Tag("leaky_relu")]
    | Annotated[Residual, Tag("residual")]
    | Annotated[Plain, Tag("plain")]
    | Annotated[_Unknown, Tag("unknown")],
    Discriminator(_layer_tag),
    BeforeValidator(_read_layer),
]
Residual.model_rebuild()


class Report(Frozen):
    """What the original report says of an experiment; accuracies are fractions, the time is for 50 epochs."""

    train_accuracy: Probability | None = None
    test_accuracy: Probability | None = None
    minutes: Annotated[float, Field(gt=0)] | None = None
    words: str = ""


class Architecture(Frozen):
    """A net as data: a list of layers, a torchvision classifier's name, or a user's own `nn.Module`."""

    title: Annotated[str, Field(min_length=1)]
    about: str = ""
    layers: tuple[Layer, ...] | None = None
    """Layers from the image on; the classifier (a linear layer with one output a class) is added."""
    torchvision: str | None = None
    """Name of a torchvision classifier, such as `resnet18`; built untrained with `num_classes` from the data."""
    module: str | None = None
    """`package.module:Class`, called with `num_classes=` and `arguments`; only in the user's own folder."""
    arguments: dict[str, Any] = {}
    """Keyword arguments for the torchvision model or the module: numbers, texts, yes or no, lists and tables."""
    report: Report | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [name for name in ("layers", "torchvision", "module") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of layers, torchvision, module (given: {', '.join(given) or 'none'})")
        if self.module is not None and self.module.count(":") != 1:
            raise ValueError(f"module is written 'package.module:Class', not {self.module!r}")
        if self.arguments and self.layers is not None:
            raise ValueError("arguments go with torchvision or module, not with layers")
        check_arguments(self.arguments)
        return self


class Augmentation(Frozen):
    """Random changes to training images, each made with its own probability (0: never, the default)."""

    # The sentence under a field is what the edit form says of it.
    model_config = ConfigDict(use_attribute_docstrings=True)

    flip: Probability = 0.0
    """Probability of a mirror image, left to right."""
    shift: Probability = 0.0
    """Probability of a shift by up to `shift_pixels` in x and y; what comes in is black."""
    shift_pixels: Annotated[int, Field(ge=1, le=64)] = 4
    """How far a shift goes at most."""
    rotation: Probability = 0.0
    """Probability of a rotation by up to `rotation_degrees` either way, about the centre."""
    rotation_degrees: Annotated[float, Field(gt=0, le=180)] = 15.0
    """How far a rotation turns at most."""
    colour: Probability = 0.0
    """Probability of a change of brightness, contrast and saturation by up to ± `colour_strength`."""
    colour_strength: Annotated[float, Field(gt=0, le=1)] = 0.2
    """How much a change of colour changes at most."""

    @property
    def active(self) -> bool:
        """Whether any transform has a probability above zero."""
        return any((self.flip, self.shift, self.rotation, self.colour))


class Hyperparameters(Frozen):
    """Everything about a training but the net. The defaults are the original report's."""

    # The sentence under a field is what the edit form says of it.
    model_config = ConfigDict(use_attribute_docstrings=True)

    dataset: Annotated[str, Field(pattern=r"^(cifar10|digits|folder:.+|torchvision:[\w:-]+)$")] = "cifar10"
    """`cifar10`, `digits`, `torchvision:<set>`, or `folder:<path>` with `{train,test}/<class>/` of images in it."""
    image_size: Annotated[int, Field(ge=8, le=1024, multiple_of=1)] = 32
    """Height and width, in pixels, that images are resized to; cifar10 and digits keep their 32."""
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 50
    """How often the net sees every training image."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 4
    """Images a step."""
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    """How a step follows from its gradients: plain `sgd`, or `adam` and `adamw`, which adapt to each weight."""
    learning_rate: Annotated[float, Field(gt=0, le=1_000)] = 0.01
    """How far a step goes along its gradient."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """For sgd."""
    nesterov: bool = False
    """For sgd with momentum."""
    weight_decay: Annotated[float, Field(ge=0, le=10)] = 0.0
    """How strongly weights are pulled towards 0; 0 doesn't."""
    schedule: Literal["constant", "exponential", "step", "cosine", "one_cycle"] = "constant"
    """How the learning rate changes; `exponential` and `step` by epoch, `cosine` and `one_cycle` by step."""
    decay_epochs: Annotated[float, Field(gt=0)] = 50.0
    """Epochs for one factor of `decay_factor` (exponential, step)."""
    decay_factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """What the learning rate is multiplied by over `decay_epochs`."""
    warmup_epochs: Annotated[float, Field(ge=0)] = 0.0
    """Epochs over which the learning rate rises linearly to its value, before and on top of any schedule."""
    loss: Literal["cross_entropy", "mse"] = "cross_entropy"
    """`mse` is torch's mean over N × classes of (logits - one-hot)²."""
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """For cross_entropy."""
    augmentation: Augmentation = Augmentation()
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of the first weights, the order of the images and whatever else is drawn: the same gives the same run."""
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the training images held out for choosing the best epoch; 0 looks at the test set, and says so."""
    on_nan: Literal["stop", "continue"] = "stop"
    """What a NaN or infinite loss does to the run."""
    early_stopping_epochs: Annotated[int, Field(ge=0)] = 0
    """Stop after this many epochs without a better test (or validation) accuracy; 0 never does."""
    time_budget_minutes: Annotated[float, Field(gt=0)] | None = None
    """Stop, and count as finished, after this much training time; none by default."""
    threads: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = 1
    """Torch's threads on the CPU. One is fastest for small nets; `auto` measures at the run's first start."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """`bfloat16` computes layers in half the bits (torch's autocast); worth it on GPUs that have it."""
    channels_last: bool = False
    """Images and convolutions with their channels last in memory; worth it on GPUs, for nets of many channels."""
    compile: bool = False
    """Steps by torch's compiler: a minute at the start, and not always faster than without. It needs a C++ compiler."""
    deterministic: bool = True
    """Identical results from run to run; on CUDA this picks deterministic kernels."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.momentum and self.optimizer != "sgd":
            raise ValueError(f"momentum = {self.momentum:g} goes with optimizer = 'sgd', not {self.optimizer!r}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov = true needs momentum above 0")
        if self.label_smoothing and self.loss != "cross_entropy":
            raise ValueError("label_smoothing goes with loss = 'cross_entropy'")
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs = {self.warmup_epochs:g} must be below epochs = {self.epochs}")
        if self.schedule == "one_cycle" and self.warmup_epochs:
            raise ValueError("schedule = 'one_cycle' has its own warm-up: leave warmup_epochs at 0")
        return self


class HyperparameterPreset(Frozen):
    """A named set of hyperparameters: `values` is complete, `changed` names the fields the file sets."""

    title: Annotated[str, Field(min_length=1)]
    about: str = ""
    report: str = ""
    """What the original report saw with these settings."""
    values: Hyperparameters = Hyperparameters()
    changed: tuple[str, ...] = ()


class Pair(Frozen):
    """One run of a study, by the names of its presets."""

    architecture: str
    hyperparameters: str = "default"


class Study(Frozen):
    """A family of runs that change one thing: a grid, a list of pairs, or several studies together.

    `presets.expansion` makes the runs of it.
    """

    title: Annotated[str, Field(min_length=1)]
    about: str = ""
    report: str = ""
    """What the original report saw."""
    architectures: Names | None = None
    """Of a grid: every architecture with every one of `hyperparameters`, and every value of `grid`."""
    hyperparameters: Names | None = None
    """Of a grid; `default` alone if it isn't given."""
    runs: Annotated[tuple[Pair, ...], Field(min_length=1)] | None = None
    """In place of a grid of presets: just these pairs, each with every value of `grid`."""
    studies: Names | None = None
    """In place of both: the runs of these studies, each once."""
    grid: dict[str, Annotated[tuple[Any, ...], Field(min_length=1)]] = {}
    """Hyperparameter → its values: `learning_rate = [10.0, 0.1]`, `"augmentation.flip" = [0, 0.5]`."""
    settings: Annotated[dict[str, Any], Field(alias="set")] = {}
    """Hyperparameter → the value that every run has instead of its preset's."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0,)
    """Every run is made once with each."""

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [name for name in ("architectures", "runs", "studies") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of architectures, runs, studies (given: {', '.join(given) or 'none'})")
        if self.hyperparameters is not None and self.architectures is None:
            raise ValueError(f"hyperparameters goes with architectures; {given[0]} names its own")
        if self.grid and self.studies is not None:
            raise ValueError("grid goes with architectures or runs, not with studies; set works with all three")
        for table, fields in (("set", self.settings), ("grid", self.grid)):
            if "seed" in fields:
                raise ValueError(f"{table}.seed: write seeds = [0, 1, 2] instead")
        both = next((name for name in self.grid if name in self.settings), None)
        if both is not None:
            raise ValueError(f"{both} is in set and in grid: leave it in one of them")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds = {list(self.seeds)}: each seed once")
        return self
