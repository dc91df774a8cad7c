"""What can be told of a trained net: its confusions, its worst mistakes and its first layer's filters.

Plain values that need neither torch nor numpy, and go through JSON from the process that finds them out.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Self

from lazytrain.engine.confusion import Confusion


class InspectionError(RuntimeError):
    """A run whose net can't be looked into; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Raster:
    """An image of 8-bit RGB."""

    width: int
    height: int
    rgb: bytes
    """3 bytes a pixel, row by row from the top."""

    def to_record(self) -> dict[str, Any]:
        return {"size": [self.width, self.height], "rgb": base64.b64encode(self.rgb).decode()}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        width, height = record["size"]
        return cls(width, height, base64.b64decode(record["rgb"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A test image that was taken for another class."""

    index: int
    """Among the test images, from 0."""
    true: int
    """Index of the class that it shows."""
    predicted: int
    """Index of the class that it was taken for."""
    confidence: float
    """0 to 1: the softmax of the output for that class; with mean squared error, the output itself."""
    image: Raster


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """The first layer's weights as images: grey is 0, and each is scaled by itself."""

    layer: str
    """`conv 6 · 5×5`, `linear 120`."""
    num_filters: int
    """Of the layer; of many, the first are drawn."""
    names: tuple[str, ...]
    """The classes, where the first layer is the last one too; else numbers from 1."""
    images: tuple[Raster, ...]

    def to_record(self) -> dict[str, Any]:
        images = [image.to_record() for image in self.images]
        return {"layer": self.layer, "num_filters": self.num_filters, "names": self.names, "images": images}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        images = tuple(map(Raster.from_record, record["images"]))
        return cls(
            layer=record["layer"], num_filters=record["num_filters"], names=tuple(record["names"]), images=images
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstLook:
    """What is known of a net before it has seen the test images."""

    weights: str
    """As an inspection's."""
    filters: Filters | None
    no_filters: str = ""
    """Why there are none."""

    def to_record(self) -> dict[str, Any]:
        """As plain JSON."""
        filters = self.filters and self.filters.to_record()
        return {"weights": self.weights, "filters": filters, "no_filters": self.no_filters}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """From what `to_record` made."""
        filters = record["filters"] and Filters.from_record(record["filters"])
        return cls(weights=record["weights"], filters=filters, no_filters=record["no_filters"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection(FirstLook):
    """What a run's net, by one of its checkpoints, makes of the test images.

    `weights` says which: `epoch 14, the best`, `epoch 31`, `step 12,345, in epoch 32`.
    """

    confusion: Confusion
    mistakes: tuple[Mistake, ...]
    """Those of the highest confidence, highest first."""

    def to_record(self) -> dict[str, Any]:
        return {
            **FirstLook.to_record(self),
            "classes": self.confusion.classes,
            "counts": self.confusion.counts,
            "mistakes": [
                {
                    "index": each.index,
                    "true": each.true,
                    "predicted": each.predicted,
                    "confidence": each.confidence,
                    "image": each.image.to_record(),
                }
                for each in self.mistakes
            ],
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        filters = record["filters"] and Filters.from_record(record["filters"])
        return cls(
            weights=record["weights"],
            confusion=Confusion(tuple(record["classes"]), tuple(map(tuple, record["counts"]))),
            mistakes=tuple(
                Mistake(**{**each, "image": Raster.from_record(each["image"])}) for each in record["mistakes"]
            ),
            filters=filters,
            no_filters=record["no_filters"],
        )
