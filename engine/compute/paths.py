"""How one step is computed. The path's name is part of a run's record, since paths differ in the last bits.

The rule, in one place: on the CPU a plain stack of layers takes the fused path, whole blocks of steps in one compiled
call, where it has a program, and the training is long enough to be worth its compilation, by the multiplications of all
its epochs; with more threads than one asked for, only in small batches. Other stacks that `engine.compute.derived`
serves, trained with SGD without Nesterov momentum, take the derived path, which is up to five times faster than
autograd for small nets, and on CUDA the same in blocks of steps as CUDA graphs. Everything else takes autograd, and so
does all on devices other than these two. `compile = true` has the derived kind computed in compiled blocks, and the
rest with a compiled net.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from lazytrain.engine.compute.derived import DerivedPath, serves
from lazytrain.engine.compute.device import allow_inexact, is_not_deterministic
from lazytrain.engine.compute.fused.path import FusedPath, worthwhile_program
from lazytrain.engine.compute.metrics import loss_rows, total_norm
from lazytrain.engine.compute.precision import memory_format_of, precision_of
from lazytrain.engine.compute.whole_blocks import CompiledPath, GraphedPath, PathUnavailable, compiled
from lazytrain.engine.data.batches import Block
from lazytrain.engine.errors import DeviceError
from lazytrain.presets.schema import Hyperparameters


class Path(Protocol):
    """Computes steps on a net and keeps the optimizer's state."""

    name: ClassVar[str]

    @property
    def block_steps(self) -> int:
        """Steps of a block: the net is whole only where one ends."""
        ...

    @property
    def takes_bytes(self) -> bool:
        """Whether it takes images as uint8, not normalised."""
        ...

    def prepare(self, input_shape: tuple[int, ...]) -> None:
        """Before the first step: make what can be made for images of (channels, height, width), and try it out.

        Raises:
            PathUnavailable: this path doesn't work here.
        """
        ...

    def enter(self, block: Block, rates: Sequence[float], watched: int | None = None) -> Tensor | None:
        """Begin a block, with the learning rate of each of its steps.

        Args:
            watched: the step of the block, from 0, whose gradient is wanted.

        Returns:
            The logits of all its images, float [N, classes], before each one's step, where all steps are done now;
            None where they are yet to be computed, one by one.
        """
        ...

    def mode(self) -> AbstractContextManager[Any]:
        """The grad mode that steps need; entered around some steps, never across an event."""
        ...

    def goals(self, targets: Tensor) -> Tensor:
        """What steps take in place of int64 targets [N]: one row an image."""
        ...

    def step(self, images: Tensor, goals: Tensor, logits: Tensor, learning_rate: float) -> None:
        """One update on a batch of float images [N, C, H, W]; the logits before it are written to `logits`."""
        ...

    def watch(self) -> None:
        """The next step's gradient is wanted."""
        ...

    def gradient_norm(self) -> Tensor | None:
        """The norm of the gradient of the step that was watched, still on the device; None where there never is one."""
        ...

    def evaluate(self, images: Tensor) -> Tensor:
        """The net's logits for float images [N, C, H, W], where it isn't trained; the net is in eval mode."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's state."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        ...


class AutogradPath:
    """torch's own backward pass and optimizers: serves every net."""

    name: ClassVar[str] = "autograd"

    def __init__(self, net: nn.Module, values: Hyperparameters, micro_batches: int = 1) -> None:
        self._format = memory_format_of(values)
        self._net = net.to(memory_format=self._format)
        self._values = values
        self._micro_batches = micro_batches
        self._optimizer = make_optimizer(net, values)
        self._rate = values.learning_rate
        self._logits: Callable[[Tensor], Tensor] = self._net

    @property
    def block_steps(self) -> int:
        return 1

    @property
    def takes_bytes(self) -> bool:
        return False

    def prepare(self, input_shape: tuple[int, ...]) -> None:
        """Nothing has to be made beforehand."""

    def enter(self, block: Block, rates: Sequence[float], watched: int | None = None) -> Tensor | None:
        """Every step is a block of its own."""

    def mode(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def goals(self, targets: Tensor) -> Tensor:
        return targets

    def step(self, images: Tensor, goals: Tensor, logits: Tensor, learning_rate: float) -> None:
        if learning_rate != self._rate:
            self._rate = learning_rate
            for group in self._optimizer.param_groups:
                group["lr"] = learning_rate
        self._optimizer.zero_grad(set_to_none=True)
        parts = (tensor.chunk(self._micro_batches) for tensor in (images, goals, logits))
        for some_images, some_goals, some_logits in zip(*parts, strict=True):
            with precision_of(self._values, images.device):
                output = self._logits(some_images.to(memory_format=self._format))
            output = output if output.dtype == logits.dtype else output.to(logits.dtype)
            (loss_rows(output, some_goals, self._values).sum() / len(images)).backward()
            some_logits.copy_(output.detach())
        self._optimizer.step()

    def watch(self) -> None:
        """Nothing: each step leaves its gradients behind."""

    def gradient_norm(self) -> Tensor | None:
        return total_norm([each.grad for each in self._net.parameters() if each.grad is not None])

    def evaluate(self, images: Tensor) -> Tensor:
        return self._net(images)

    def state_dict(self) -> dict[str, Any]:
        return self._optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._optimizer.load_state_dict(state)
        self._rate = float("nan")  # set the next step's rate, whatever the state says


class CompiledAutogradPath(AutogradPath):
    """The same with forward and backward passes from torch's compiler. The first step takes up to a minute."""

    name: ClassVar[str] = "compiled autograd"

    def __init__(self, net: nn.Module, values: Hyperparameters, micro_batches: int = 1) -> None:
        super().__init__(net, values, micro_batches)
        self._logits = compiled(self._net)


DIVIDING = (AutogradPath.name, CompiledAutogradPath.name)
"""Paths that can compute a batch in parts."""


def make_path(
    net: nn.Module,
    values: Hyperparameters,
    name: str | None = None,
    micro_batches: int = 1,
    *,
    input_shape: tuple[int, ...] = (),
    num_images: int = 0,
) -> Path:
    """The path for a net by the rule above, or the one called `name`, as a resume needs it.

    Args:
        input_shape: (channels, height, width) of an image, which the fused path must know.
        num_images: trained on in an epoch; where it isn't known, nothing is compiled.
        micro_batches: parts a batch is computed in, for less memory and the same effective batch; by autograd alone.

    Raises:
        ValueError: there is no such path, or it doesn't serve this net.
    """
    if name is None and micro_batches == 1 and num_images and worthwhile_program(net, values, input_shape, num_images):
        name = FusedPath.name
    match name or _fastest(net, values, micro_batches):
        case FusedPath.name:
            return FusedPath(net, values, input_shape)
        case DerivedPath.name | "blocked":  # whose steps were these, in another order
            return DerivedPath(net, values)
        case GraphedPath.name:
            return GraphedPath(net, values)
        case CompiledPath.name:
            return CompiledPath(net, values)
        case AutogradPath.name:
            return AutogradPath(net, values, micro_batches)
        case CompiledAutogradPath.name:
            return CompiledAutogradPath(net, values, micro_batches)
        case unknown:
            raise ValueError(f"this lazytrain has no path {unknown!r} to compute steps with")


def ready_path(
    net: nn.Module,
    values: Hyperparameters,
    input_shape: tuple[int, ...],
    name: str | None = None,
    micro_batches: int = 1,
    num_images: int = 0,
) -> tuple[Path, list[str]]:
    """The path of `make_path` once it is prepared, and what a person should know of it.

    Where no name is given and the fastest doesn't work here, it is the next one by the rule.

    Raises:
        DeviceError: the path that was asked for by name doesn't work here.
        ValueError: there is no such path, or it doesn't serve this net.
    """
    notices: list[str] = []
    path = make_path(net, values, name, micro_batches, input_shape=input_shape, num_images=num_images)
    try:
        path.prepare(input_shape)
    except PathUnavailable as error:
        if name is not None:
            text = f"it was trained with {name} steps, and {error}: resume it where it was begun, or train it anew"
            raise DeviceError(text) from error
        if path.name == FusedPath.name:
            notices.append(f"{error}: trained without it, which takes several times as long")
            return make_path(net, values, None, micro_batches), notices
        notices.append(f"{error}: steps are launched one by one")
        return make_path(net, values, DerivedPath.name), notices
    except RuntimeError as error:
        if not is_not_deterministic(error):
            raise
        notices.append(allow_inexact(error))
        path, more = ready_path(net, values, input_shape, name, micro_batches, num_images)
        return path, notices + more
    if path.name in (CompiledPath.name, CompiledAutogradPath.name):
        notices.append("compiling: the first steps take up to some minutes")
    return path, notices


def _fastest(net: nn.Module, values: Hyperparameters, micro_batches: int) -> str:
    device = next((each.device.type for each in net.parameters()), "cpu")
    if micro_batches > 1 or device not in ("cpu", "cuda") or not serves(net, values):
        return CompiledAutogradPath.name if values.compile else AutogradPath.name
    if values.compile:
        return CompiledPath.name
    if device == "cuda":
        return GraphedPath.name
    return DerivedPath.name


def make_optimizer(net: nn.Module, values: Hyperparameters) -> torch.optim.Optimizer:
    """The optimizer that `values` names, over all of the net's parameters."""
    # One kernel for all of a parameter's update: resnet18 with Adam trains half as fast again. A checkpoint made
    # without it says so in its own state, and goes on without.
    plain = {(each.device.type, each.dtype) for each in net.parameters()} <= {
        ("cpu", torch.float32),
        ("cuda", torch.float32),
    }
    fused = plain and not values.channels_last
    match values.optimizer:
        case "sgd":
            return torch.optim.SGD(
                net.parameters(),
                lr=values.learning_rate,
                momentum=values.momentum,
                nesterov=values.nesterov,
                weight_decay=values.weight_decay,
                fused=fused,
            )
        case "adam":
            kind = torch.optim.Adam
        case "adamw":
            kind = torch.optim.AdamW
    return kind(net.parameters(), lr=values.learning_rate, weight_decay=values.weight_decay, fused=fused)
