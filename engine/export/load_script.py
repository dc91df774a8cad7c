"""`load.py`: the few lines of Python that build an exported net and give it its weights, without lazytrain."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from lazytrain.engine.data.rules import USUAL_BITS


@dataclass(frozen=True, slots=True, kw_only=True)
class NetSource:
    """A Python expression that makes a net, and the import lines it needs beside torch's."""

    expression: str
    imports: tuple[str, ...] = ()
    code: str = ""
    """A class that it is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadScript:
    """What is said of a net in `load.py` and in the weights' metadata."""

    about: str
    """One line: the run, its data, which weights."""
    net: NetSource
    input_shape: tuple[int, int, int]
    """Channels, height, width."""
    classes: tuple[str, ...]
    """In the order of the logits."""
    notes: tuple[str, ...] = ()
    whole: bool = True
    """Whether the weights are all of the net's state."""
    upright: bool = True
    """Whether pictures were turned as their EXIF says."""
    integer_bits: int = USUAL_BITS[0]
    """Of grey pictures of more than a byte a pixel, and of those of floating-point numbers."""
    float_bits: int = USUAL_BITS[1]
    own_code: bool = False
    """The net is imported from the script's own folder."""

    def text(self) -> str:
        """The file."""
        about = [*textwrap.wrap(self.about, 112), *(line for note in self.notes for line in textwrap.wrap(note, 112))]
        head = "\n".join(_in_string(line) for line in about)
        classes = "\n".join(f"    {name!r}," for name in self.classes)
        first, rest = ("", "\n".join(("import torch", *self.net.imports, "from torch import Tensor, nn")))
        if self.own_code:
            # Also where this file is itself imported, from wherever.
            first = "import sys\n"
            nets = "\n".join(self.net.imports)
            here = "sys.path.insert(0, str(Path(__file__).parent))"
            rest = f"import torch\nfrom torch import Tensor, nn\n\n{here}\n{nets}"
        _, height, width = self.input_shape
        return _TEMPLATE.format(
            head=head,
            first=first,
            imports=rest,
            classes=classes,
            net=self.net.expression,
            code=self.net.code,
            shape=self.input_shape,
            height=height,
            width=width,
            strict="" if self.whole else ", strict=False",
            upright=_UPRIGHT if self.upright else "        pixels = image",
            integer_scale=2.0 ** (8 - self.integer_bits),
            float_scale=2.0 ** (8 - self.float_bits) if self.float_bits else 255.0,
        )


def _in_string(line: str) -> str:
    """A line as it may stand between three quotation marks."""
    return line.replace("\\", "\\\\").replace('"""', "'''")


RESIDUAL = '''class Residual(nn.Sequential):
    """Layers around which their input goes, too."""

    def forward(self, input: Tensor) -> Tensor:
        return input + super().forward(input)


'''
_UPRIGHT = """\
        try:
            pixels = ImageOps.exif_transpose(image)
        except Exception:  # damaged EXIF, of a picture that is sound
            pixels = image"""

_TEMPLATE = '''"""{head}

Written by lazytrain; needs torch, and no lazytrain. `python load.py picture.png …` says what it sees (needs Pillow).
"""

{first}from pathlib import Path

{imports}

INPUT_SHAPE = {shape}  # channels (RGB), height, width

# In the order of the logits.
CLASSES = (
{classes}
)


{code}def build_net() -> nn.Module:
    """The net, with weights drawn anew."""
    return {net}


def load_net(folder: Path = Path(__file__).parent) -> nn.Module:
    """The trained net, in eval mode, on the CPU."""
    net = build_net()
    net.load_state_dict(torch.load(folder / "weights.pt", weights_only=True){strict})
    # Or, after `from safetensors.torch import load_file`:
    # net.load_state_dict(load_file(folder / "weights.safetensors"){strict})
    return net.eval()


def normalise(images: Tensor) -> Tensor:
    """uint8 RGB [N, 3, {height}, {width}] -> float32 in -1 ... 1 as in training: (x / 255 - 0.5) / 0.5."""
    return images.to(torch.float32).mul(1 / 127.5).sub(1.0)


def read_picture(path: str) -> Tensor:
    """A picture as the net took it in training: uint8 [1, 3, {height}, {width}]."""
    from PIL import Image, ImageOps

    with Image.open(path) as image:
        image.draft("RGB", ({width} * 2, {height} * 2))  # a large JPEG is read at a fraction of its size
{upright}
        if pixels.mode.startswith("I"):  # grey of 16 bits or more
            pixels = pixels.convert("I").point(lambda value: value * {integer_scale}).convert("L")
        elif pixels.mode == "F":
            pixels = pixels.point(lambda value: value * {float_scale}).convert("L")
        elif pixels.has_transparency_data:  # on black
            black = Image.new("RGBA", pixels.size, (0, 0, 0, 255))
            clear = (pixels.convert("LA") if pixels.mode == "La" else pixels).convert("RGBA")
            pixels = Image.alpha_composite(black, clear)
        pixels = pixels.convert("RGB").resize(({width}, {height}), Image.Resampling.BILINEAR)
    values = torch.frombuffer(bytearray(pixels.tobytes()), dtype=torch.uint8)
    return values.view(1, {height}, {width}, 3).permute(0, 3, 1, 2)


if __name__ == "__main__":
    import sys

    net = load_net()
    for path in sys.argv[1:]:
        with torch.no_grad():
            probabilities = net(normalise(read_picture(path)))[0].softmax(dim=0)
        likeliest = probabilities.topk(min(3, len(CLASSES)))
        said = (f"{{CLASSES[place]}} {{share:.1%}}" for share, place in zip(likeliest.values, likeliest.indices))
        print(f"{{path}}: {{', '.join(said)}}")
'''
