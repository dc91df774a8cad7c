"""`load.py` reads a picture as training does: the same bytes, whatever kind of picture it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from lazytrain.engine.data.pictures import Depth, Way, read_file
from lazytrain.engine.data.rules import Rules
from lazytrain.engine.export.load_script import LoadScript, NetSource
from tests.helpers.image_folders import random_pixels


def _read(path: Path, **values: Any) -> torch.Tensor:
    """By the `read_picture` of a `load.py`."""
    net = NetSource(expression="nn.Identity()")
    script = LoadScript(about="a test", net=net, input_shape=(3, 8, 8), classes=("a", "b"), **values)
    names: dict[str, Any] = {"__name__": "load", "__file__": "load.py"}
    exec(script.text(), names)  # it is ours
    return names["read_picture"](str(path))[0]


def _pictures() -> dict[str, tuple[Image.Image, str]]:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = Image.fromarray(random_pixels(1, 8)).resize((100, 60))
    turned = photo.copy()
    turned.info["exif"] = exif.tobytes()
    damaged = photo.copy()
    damaged.info["exif"] = b"II garbage"
    grey = (np.arange(600, dtype=np.uint16) * 6).reshape(20, 30)
    clear = photo.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    return {
        "jpeg": (photo.resize((900, 700)), "JPEG"),
        "turned jpeg": (turned, "JPEG"),
        "turned png": (turned, "PNG"),
        "png with damaged exif": (damaged, "PNG"),
        "webp with damaged exif": (damaged, "WEBP"),
        "grey of 12 bits": (Image.fromarray(grey), "PNG"),
        "floats": (Image.fromarray(grey.astype(np.float32) / 4000), "TIFF"),
        "clear": (clear, "PNG"),
        "palette": (photo.quantize(16), "GIF"),
        "cmyk": (photo.convert("CMYK"), "JPEG"),
        "one bit": (photo.convert("1"), "TIFF"),
    }


@pytest.mark.parametrize("kind", _pictures())
@pytest.mark.parametrize("rules", Rules)
def test_it_is_what_training_saw(tmp_path: Path, kind: str, rules: Rules) -> None:
    image, form = _pictures()[kind]
    path = tmp_path / "picture"
    image.save(path, form, **({"exif": image.info["exif"]} if "exif" in image.info else {}))
    depth = Depth() if rules is Rules.FIRST else Depth(integers=12, floats=0)
    expected = read_file(path, Way(8, rules, depth))
    seen = _read(path, upright=rules > Rules.FIRST, integer_bits=depth.integers, float_bits=depth.floats)
    assert np.array_equal(seen.numpy(), expected)
