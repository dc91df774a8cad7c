"""Looks into a trained net: over the test images, on the CPU, in small batches that can be left in between.

Not for a process that trains: making a net draws from torch's random numbers, which a training's dropout shares.
`engine.analysis.inspection_process` gives it one of its own.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lazytrain.engine.analysis.findings import Filters, FirstLook, Inspection, InspectionError, Mistake, Raster
from lazytrain.engine.analysis.identity import digest_module
from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.compute.metrics import count_confusions
from lazytrain.engine.compute.net_state import load_net_state
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.confusion import Confusion
from lazytrain.engine.data.batches import normalise
from lazytrain.engine.data.datasets import DatasetError, Missing, locate
from lazytrain.engine.data.loading import Dataset, prepare_dataset
from lazytrain.engine.data.origin import Origin, OriginDamaged, data_difference, origin_of, read_origin
from lazytrain.engine.data.rules import Rules
from lazytrain.engine.events import Progress
from lazytrain.engine.places import cache_folder, module_folder
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.checkpoint import CheckpointError, best_path, generations, load_checkpoint
from lazytrain.engine.store.reading import Reader
from lazytrain.engine.training.evaluation import evaluation_images
from lazytrain.presets.errors import PresetError
from lazytrain.presets.layers import LayerError

MOST_MISTAKES = 48
MOST_FILTERS = 256
MOST_PIXELS = 64
"""Height and width above which images are made smaller: a terminal shows no more."""
PARTS = 5
"""A batch is this part of the batch of a training's evaluation: it can be left the sooner."""


def inspect_run(
    home: Path, data: Path, run_id: str, *, best: bool = False, num_mistakes: int = MOST_MISTAKES
) -> Generator[Progress | FirstLook, None, Inspection]:
    """Evaluate a run's net over the test images, saying after each batch where it stands.

    What needs no evaluation comes before it, as a `FirstLook`.

    Args:
        best: by the weights of the best epoch so far, instead of those of the newest checkpoint.
        num_mistakes: how many of the worst to give, at most.

    Raises:
        InspectionError: there is no checkpoint yet, the images are gone, or the weights don't fit the net any more.
        RunNotFound: there is no such run.
        RunUnreadable: its stored configuration can't be used.
    """
    with Reader(home) as reader:
        run, configuration = reader.run(run_id), reader.configuration(run_id)
        checkpoints = reader.run_folder(run_id) / "checkpoints"
    weights, described = load_weights(checkpoints, run, best=best)
    origin = _origin(checkpoints.parent)
    dataset = yield from _prepare(configuration, home, data, origin)
    described += _test_difference(configuration, origin, dataset)
    net = _restore_net(configuration, dataset, weights, home)
    filters = draw_filters(net, dataset)
    first_look = FirstLook(
        weights=described,
        filters=filters if isinstance(filters, Filters) else None,
        no_filters=filters if isinstance(filters, str) else "",
    )
    yield first_look
    num_images = len(dataset.test.labels)
    yield Progress(phase="evaluating", done=0, total=num_images)
    look = _Look(net, dataset, mse=configuration.hyperparameters.loss == "mse")
    while look.num_done < num_images:
        look.advance()
        yield Progress(phase="evaluating", done=look.num_done, total=num_images)
    return Inspection(
        weights=first_look.weights,
        confusion=look.confusion,
        mistakes=look.worst(num_mistakes),
        filters=first_look.filters,
        no_filters=first_look.no_filters,
    )


# ── what is looked at ──────────────────────────────────────────────────────────────────────────────────────


def load_weights(checkpoints: Path, run: Run, *, best: bool) -> tuple[Mapping[str, Any], str]:
    """A run's weights from its `checkpoints`, and which they are. Raises InspectionError."""
    snapshot, problem = _newest(checkpoints)
    if snapshot is None:
        raise InspectionError(problem or _no_checkpoint(run))
    position = snapshot["position"]
    if not best:
        return snapshot["net"], _describe(position)
    epoch = position["best_epoch"]
    if not epoch:
        raise InspectionError("no epoch is the best yet: the first evaluation comes at the end of epoch 1")
    try:
        return load_checkpoint(best_path(checkpoints, epoch))["net"], f"epoch {epoch}, the best"
    except CheckpointError as error:
        raise InspectionError(
            f"the weights of epoch {epoch}, the best, can't be had: {error}; those of the newest checkpoint can"
        ) from error


def _newest(checkpoints: Path) -> tuple[dict[str, Any] | None, str]:
    """The newest checkpoint that verifies, and what is wrong with the one before it. Nothing is set aside here."""
    problem = ""
    for path in generations(checkpoints):
        try:
            return load_checkpoint(path), problem
        except CheckpointError as error:
            problem = problem or str(error)
    return None, problem


def _describe(position: Mapping[str, Any]) -> str:
    if position["step_in_epoch"] == 0:
        return f"epoch {position['epoch']}" if position["epoch"] else "before the first step"
    return f"step {position['step']:,}, in epoch {position['epoch'] + 1}"


def _no_checkpoint(run: Run) -> str:
    if run.state is State.QUEUED and not run.step:
        return f"{run.shown_name} is queued: there is nothing to see before it was trained"
    if run.state.over:
        return f"{run.shown_name} ended before its first checkpoint: resume it to train it again"
    return f"{run.shown_name} has no checkpoint yet: the first comes within half a minute of training, look again then"


def _origin(folder: Path) -> Origin | None:
    try:
        return read_origin(folder)
    except OriginDamaged as error:
        raise InspectionError(
            f"what it was begun with can't be read: {error}; delete that file to look all the same"
        ) from error


def _test_difference(configuration: RunConfiguration, origin: Origin | None, dataset: Dataset) -> str:
    """What to say beside the weights of test images that aren't what they were. Raises InspectionError."""
    difference = data_difference(origin, origin_of(dataset, {}), "test") if origin is not None else None
    if origin is None or difference is None:
        return ""
    if origin.classes != dataset.classes:
        name = configuration.hyperparameters.dataset
        raise InspectionError(
            f"{name} has other classes than it was trained on: {difference}; put them back as they were"
        )
    return f"; its test images aren't those it was begun with: {difference}"


def _prepare(
    configuration: RunConfiguration, home: Path, data: Path, origin: Origin | None
) -> Generator[Progress, None, Dataset]:
    values = configuration.hyperparameters
    rules = Rules.FIRST if origin is None else origin.rules
    cache = cache_folder(home)
    try:
        if isinstance(locate(values.dataset, data), Missing):
            raise InspectionError(
                f"its images are gone: {values.dataset} is not in {data} any more; put it back, "
                "or name its folder by --data or LAZYTRAIN_DATA"
            )
        # Mapped from the cache: a training beside it may hold the same images in memory.
        return (yield from prepare_dataset(values.dataset, data, cache, values.image_size, memory_limit=0, rules=rules))
    except DatasetError as error:
        raise InspectionError(f"its images can't be had: {error}") from error


def _restore_net(
    configuration: RunConfiguration, dataset: Dataset, weights: Mapping[str, Any], home: Path
) -> nn.Module:
    folder, shape = module_folder(home), tuple(dataset.test.images.shape[1:])
    module = configuration.architecture.module
    try:
        net = build_net(configuration.architecture, shape, len(dataset.classes), seed=0, module_folder=folder)
    except (PresetError, LayerError) as error:
        hint = f"; put the source of {module} back as it was trained" if module else ""
        raise InspectionError(f"its net can't be made any more: {error}{hint}") from error
    try:
        load_net_state(net, weights)
    except RuntimeError as error:
        raise InspectionError(_misfit(configuration, folder, len(dataset.classes), weights)) from error
    return net.eval()


def _misfit(configuration: RunConfiguration, folder: Path, num_classes: int, weights: Mapping[str, Any]) -> str:
    module = configuration.architecture.module
    if module is not None:
        now = digest_module(module, folder)
        changed = configuration.module_digest is not None and now != configuration.module_digest
        why = "was changed since the run was queued" if changed else "makes another net than it did"
        return f"its weights don't fit the net any more: {module} {why}; put that source back, or train it again"
    tensors = [each for each in weights.values() if isinstance(each, Tensor)]
    trained = tensors[-1].shape if tensors else ()
    if trained and trained[0] != num_classes:
        dataset = configuration.hyperparameters.dataset
        return (
            f"its weights don't fit the images any more: it was trained on {trained[0]} classes, and {dataset} has "
            f"{num_classes} now; put the data back, or train it again"
        )
    return "its weights don't fit the net that this version of lazytrain or torchvision makes: train it again"


# ── the evaluation ─────────────────────────────────────────────────────────────────────────────────────────


class _Look:
    """Goes over the test images, and keeps what is wrong."""

    def __init__(self, net: nn.Module, dataset: Dataset, *, mse: bool) -> None:
        self.num_done = 0
        self._net, self._dataset, self._mse = net, dataset, mse
        self._batch = max(1, evaluation_images(tuple(dataset.test.images.shape[1:])) // PARTS)
        size = len(dataset.classes)
        self._counts = torch.zeros(size * size, dtype=torch.int64)
        self._wrong: list[Tensor] = []
        """float64 [wrong, 4] of each batch: score, index, true, predicted."""

    @torch.inference_mode()
    def advance(self) -> None:
        """Evaluate a batch."""
        where = slice(self.num_done, self.num_done + self._batch)
        images, labels = self._dataset.test.images[where], self._dataset.test.labels[where]
        logits = self._net(normalise(images))
        self._counts += count_confusions(logits, labels)
        predicted = logits.argmax(dim=1)
        scores = logits if self._mse else logits.softmax(dim=1)
        # A diverged net's outputs are NaN: it is sure of nothing.
        top = scores.gather(1, predicted[:, None])[:, 0].double().nan_to_num(0.0)
        wrong = (predicted != labels).nonzero()[:, 0]
        columns = (top[wrong], (wrong + self.num_done).double(), labels[wrong].double(), predicted[wrong].double())
        self._wrong.append(torch.stack(columns, dim=1))
        self.num_done += len(labels)

    @property
    def confusion(self) -> Confusion:
        return Confusion.of(self._dataset.classes, self._counts.tolist())

    def worst(self, count: int) -> tuple[Mistake, ...]:
        """The mistakes of the highest confidence."""
        wrong = torch.cat(self._wrong)
        order = wrong[:, 0].argsort(descending=True, stable=True)[:count]
        return tuple(
            Mistake(
                index=int(index),
                true=int(true),
                predicted=int(predicted),
                confidence=min(1.0, max(0.0, score)),
                image=to_raster(self._dataset.test.images[int(index)]),
            )
            for score, index, true, predicted in wrong[order].tolist()
        )


def to_raster(image: Tensor) -> Raster:
    """uint8 [3, H, W] → at most 64 × 64 pixels of it."""
    height, width = image.shape[1:]
    if max(height, width) > MOST_PIXELS:
        scale = MOST_PIXELS / max(height, width)
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        image = F.interpolate(image[None].float(), size=size, mode="area")[0].round().byte()
        height, width = size
    return Raster(width, height, image.permute(1, 2, 0).contiguous().numpy().tobytes())


# ── the first layer ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _First:
    """The first convolution or linear layer that an image meets."""

    layer: nn.Conv2d | nn.Linear | None = None
    output: Tensor | None = None


def draw_filters(net: nn.Module, dataset: Dataset) -> Filters | str:
    """The weights of the first layer as images, or why they can't be drawn."""
    first, output = _find_first(net, dataset)
    layer = first.layer
    if layer is None:
        return "this net has no convolution and no linear layer to draw"
    weight = layer.weight.detach()
    if isinstance(layer, nn.Conv2d):
        kernel = "×".join(map(str, layer.kernel_size))
        described = f"conv {layer.out_channels} · {kernel}"
        if weight.shape[1] not in (1, 3):
            return f"the first layer ({described}) sees {weight.shape[1]} channels, not colours: nothing to draw"
        images = weight.expand(-1, 3, -1, -1)
    else:
        described = f"linear {layer.out_features}"
        shape = _image_shape(layer.in_features, tuple(dataset.test.images.shape[1:]))
        if shape is None:
            return f"the first layer ({described}) sees {layer.in_features} values, not an image: nothing to draw"
        images = weight.reshape(-1, *shape)
    if images.shape[1] == 3 and _is_grey(dataset):
        # Three times the same image: what counts of a filter is the sum over them, and colours in it mean nothing.
        images = images.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    drawn = images[:MOST_FILTERS]
    are_classes = first.output is output and len(images) == len(dataset.classes)
    names = dataset.classes if are_classes else tuple(str(number + 1) for number in range(len(drawn)))
    return Filters(
        layer=described,
        num_filters=len(images),
        names=names[: len(drawn)],
        images=tuple(to_raster(_scale(each)) for each in drawn),
    )


def _is_grey(dataset: Dataset) -> bool:
    """Whether the channels of all test images are the same."""
    images = dataset.test.images
    return images.shape[1] == 3 and all(torch.equal(images[:, 0], images[:, channel]) for channel in (1, 2))


@torch.no_grad()
def _find_first(net: nn.Module, dataset: Dataset) -> tuple[_First, Tensor]:
    """By passing one image through: the order in which layers were made says nothing of that in which they are used."""
    first = _First()

    def note(layer: nn.Module, _inputs: object, output: Tensor) -> None:
        if first.layer is None and isinstance(layer, nn.Conv2d | nn.Linear):
            first.layer, first.output = layer, output

    handles = [each.register_forward_hook(note) for each in net.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    try:
        output = net(normalise(dataset.test.images[:1]))
    finally:
        for handle in handles:
            handle.remove()
    return first, output


def _image_shape(features: int, shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """(3, height, width) of `features` values, if they are an image of `shape`, whole or evenly made smaller."""
    channels, height, width = shape
    for part in range(1, min(height, width) // 2 + 1):
        if features == channels * (height // part) * (width // part):
            return channels, height // part, width // part
    return None


def _scale(weights: Tensor) -> Tensor:
    """float [3, H, W] → uint8: 0 is grey, and all but the largest half per cent are within the range."""
    weights = weights.nan_to_num(0.0, 0.0, 0.0)
    largest = float(weights.abs().flatten().double().quantile(0.995))
    if not largest or not math.isfinite(largest):
        return torch.full(weights.shape, 128, dtype=torch.uint8)
    return (weights / largest).clamp(-1, 1).mul(127.5).add(127.5).round().byte()
