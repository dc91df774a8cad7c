"""Convolutions of the derived path: which aten kernel is the fastest for a device, a batch size and a vector width.

`benchmarks/training.py` measures what the choice comes to; `tests/test_derived.py` holds each against autograd.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lazytrain.engine.compute.backward import Layer, Update, aten

MOST_IM2COL_IMAGES = 8
"""Up to this batch size im2col is faster on the CPU than oneDNN: measured on CoolNet v10 at 4, 8, 20 and 128."""
MOST_IM2COL_IMAGES_WIDE = 5
"""The same where vectors are wide enough for pairs: measured at 4, 5, 6, 8 and 10."""
LANES = 16
"""Floats of a vector that `PairedConvLayer` fills: AVX-512's."""


def convolution(module: nn.Conv2d, batch_size: int, *, wide: bool | None = None, padded: bool = False) -> ConvLayer:
    """The layer for `module`.

    Args:
        wide: whether vectors hold `LANES` floats; asks the processor if None.
        padded: what comes next can take channels of zeros behind the real ones.
    """
    if module.weight.device.type != "cpu":
        return ConvLayer(module)
    if wide is None:
        wide = "AVX512" in torch.backends.cpu.get_cpu_capability()
    if batch_size <= (MOST_IM2COL_IMAGES_WIDE if wide else MOST_IM2COL_IMAGES):
        return Im2colConvLayer(module)
    return PairedConvLayer(module, padded=padded) if wide else ChannelsLastConvLayer(module)


class ConvLayer(Layer):
    """torch's own choice of a kernel."""

    def __init__(self, module: nn.Conv2d) -> None:
        self.weight = module.weight.detach()
        self.bias = None if module.bias is None else module.bias.detach()
        self.parameters = (self.weight,) if self.bias is None else (self.weight, self.bias)
        self._kernel, self._stride = list(module.kernel_size), list(module.stride)
        self._padding = [int(size) for size in module.padding]

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return torch.conv2d(x, self.weight, self.bias, self._stride, self._padding)

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        dx, dw, db = self._gradients(dy, [not first, True, self.bias is not None])
        update.add(self.weight, dw)
        if self.bias is not None:
            update.add(self.bias, db)
        return dy if first else dx

    def _gradients(self, dy: Tensor, wanted: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
        """For the input, the weight and the bias, those that are wanted."""
        return _gradients(dy, self.x, self.weight, self._stride, self._padding, wanted)


class ChannelsLastConvLayer(ConvLayer):
    """On the CPU, oneDNN's convolution of images with their channels last: at batch 128 2.4 times as fast as im2col."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.contiguous(memory_format=torch.channels_last))


class Im2colConvLayer(ConvLayer):
    """On the CPU, aten's plain im2col convolution: at batch 4 CoolNet trains a fifth faster than with oneDNN's."""

    def forward(self, x: Tensor) -> Tensor:
        self.x = x
        return aten._slow_conv2d_forward.default(x, self.weight, self._kernel, self.bias, self._stride, self._padding)

    def _gradients(self, dy: Tensor, wanted: list[bool]) -> tuple[Tensor, Tensor, Tensor]:
        return aten._slow_conv2d_backward.output_mask(
            dy, self.x, self.weight, self._kernel, self._stride, self._padding, wanted
        )


class PairedConvLayer(ConvLayer):
    """`ChannelsLastConvLayer` for few channels and wide vectors: two neighbouring pixels at once, as double channels.

    oneDNN gives each output channel a lane of a vector, so six channels leave ten of sixteen idle. With the kernel k
    laid out twice, [k 0] and [0 k], one column wider, a convolution of twice the stride makes two pixels at once, and
    with its channels last that is, in memory, the very output that was asked for. The gradients are those of the
    pairs, folded. Channels of zeros up to half a vector cost nothing here and let the pooling that follows use whole
    vectors; the convolution after it has no weights for them, and so no gradient.
    """

    def __init__(self, module: nn.Conv2d, *, padded: bool) -> None:
        super().__init__(module)
        out_channels = self.weight.shape[0]
        self._channels = max(out_channels, LANES // 2) if padded else out_channels
        self._dense = self._stride == [1, 1]
        self._laid: _Laid | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.x = x = x.contiguous(memory_format=torch.channels_last)
        laid = self._laid or self._lay_out(x)
        weight = laid.lay(self.weight)
        bias = None if self.bias is None else self._laid_bias.lay(self.bias)
        return _pixels(torch.conv2d(x, weight, bias, self._step, self._padding), laid.count)

    def _lay_out(self, x: Tensor) -> _Laid:
        """What depends on the shape of its input, which is the same for a whole run."""
        in_channels, width = x.shape[1], x.shape[3]
        out_width = width + 2 * self._padding[1] - self._kernel[1] + 1
        count = 2 if self._dense and 2 * self._channels <= LANES and out_width % 2 == 0 else 1
        self._laid = laid = _laid_kernel(self.weight, (self._channels, in_channels), count)
        if self.bias is not None:
            self._laid_bias = _laid_bias(self.bias, self._channels, count)
        self._step = [self._stride[0], count * self._stride[1]]
        inside = all(pad < size for pad, size in zip(self._padding, self._kernel, strict=True))
        self._turns = self._dense and inside and 2 * in_channels <= LANES and width % 2 == 0
        if self._turns:
            self._back = _laid_kernel(self.weight.transpose(0, 1), (in_channels, self._channels), 2)
        else:
            self._back = _laid_kernel(self.weight, (self._channels, in_channels), 1)
        return laid

    def backward(self, dy: Tensor, update: Update, *, first: bool) -> Tensor:
        laid = self._laid
        if laid is None:
            raise RuntimeError("forward comes first")
        dy = dy.contiguous(memory_format=torch.channels_last)
        # Before the update, which it must not see.
        dx = dy if first else self._towards_input(dy)
        wanted = [False, True, self.bias is not None]
        _, dw, db = _gradients(_pairs(dy, laid.count), self.x, laid.whole, self._step, self._padding, wanted)
        update.add(self.weight, laid.fold(dw))
        if self.bias is not None:
            update.add(self.bias, self._laid_bias.fold(db))
        return dx

    def _towards_input(self, dy: Tensor) -> Tensor:
        """The gradient for the input; where that pairs, as the convolution of `dy` with the kernels turned around."""
        if not self._turns:
            weight = self._back.lay(self.weight)
            return _gradients(dy, self.x, weight, self._stride, self._padding, [True, False, False])[0]
        weight = self._back.lay(self.weight.flip(2, 3).transpose(0, 1))
        padding = [size - 1 - pad for size, pad in zip(self._kernel, self._padding, strict=True)]
        return _pixels(torch.conv2d(dy, weight, None, [1, 2], padding), 2)


class _Laid:
    """A kernel or a bias, its places among zeros, and the reverse for the gradient of the whole."""

    def __init__(self, whole: Tensor, where: list[tuple[slice, ...]]) -> None:
        self.whole = whole
        self.count = len(where)
        self._where = where
        self._places = [whole[each] for each in where]

    def lay(self, values: Tensor) -> Tensor:
        for place in self._places:
            place.copy_(values)
        return self.whole

    def fold(self, gradient: Tensor) -> Tensor:
        """The gradient for what was laid out, of that for the whole."""
        first, *others = (gradient[each] for each in self._where)
        return first.add(others[0]) if others else first


def _laid_kernel(kernel: Tensor, sizes: tuple[int, int], count: int) -> _Laid:
    """A kernel [out, in, height, width] `count` times side by side, with channels of zeros up to `sizes`."""
    out, into, height, width = kernel.shape
    whole = kernel.new_zeros(count * sizes[0], sizes[1], height, width + count - 1)
    where = [
        (slice(k * sizes[0], k * sizes[0] + out), slice(into), slice(None), slice(k, k + width)) for k in range(count)
    ]
    return _Laid(whole.contiguous(memory_format=torch.channels_last), where)


def _laid_bias(bias: Tensor, channels: int, count: int) -> _Laid:
    """The same for a bias."""
    where = [(slice(k * channels, k * channels + len(bias)),) for k in range(count)]
    return _Laid(bias.new_zeros(count * channels), where)


def _pairs(y: Tensor, count: int) -> Tensor:
    """[N, C, H, W], channels last → [N, count · C, H, W / count]: the same memory."""
    if count == 1:
        return y
    n, c, h, w = y.shape
    return y.permute(0, 2, 3, 1).reshape(n, h, w // count, count * c).permute(0, 3, 1, 2)


def _pixels(y: Tensor, count: int) -> Tensor:
    """The reverse of `_pairs`."""
    if count == 1:
        return y
    n, c, h, w = y.shape
    return y.permute(0, 2, 3, 1).reshape(n, h, w * count, c // count).permute(0, 3, 1, 2)


def _gradients(
    dy: Tensor, x: Tensor, weight: Tensor, stride: list[int], padding: list[int], wanted: list[bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """A convolution's, for its input, weight and bias, those that are wanted."""
    bias_sizes = [weight.shape[0]] if wanted[2] else None
    return aten.convolution_backward.default(
        *(dy, x, weight, bias_sizes, stride, padding, [1, 1], False, [0, 0], 1, wanted)
    )
