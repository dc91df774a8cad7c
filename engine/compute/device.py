"""Choose a device, and say why: cuda → mps → torch's other accelerators → cpu."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from lazytrain.engine.errors import DeviceError, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceChoice:
    """A torch device's name, what it is, and why it was chosen."""

    device: str
    name: str
    reason: str


def describe_versions() -> str:
    """Of what decides a run's last bits: `torch 2.9.0, Python 3.12.4`."""
    return f"torch {torch.__version__}, Python {platform.python_version()}"


def choose_device(asked: str = "auto") -> DeviceChoice:
    """The best device here, or the one `asked` for (`cpu`, `cuda`, `cuda:1`, `mps`, …).

    Raises:
        DeviceError: it isn't there.
    """
    available = list(available_devices())
    if asked == "auto":
        best = available[0]
        missing = "no CUDA, MPS or other accelerator found" if best == "cpu" else "the first accelerator found"
        return DeviceChoice(device=best, name=_name(best), reason=missing)
    wanted = asked if ":" in asked or asked in available else f"{asked}:0"
    if wanted not in available:
        raise DeviceError(f"device {asked!r} is not here; there is: {', '.join(available)}")
    return DeviceChoice(device=wanted, name=_name(wanted), reason="asked for")


def available_devices() -> Iterator[str]:
    """Names of the devices torch can use here, best first."""
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        yield f"cuda:{index}"
    if torch.backends.mps.is_available():
        yield "mps"
    if torch.accelerator.is_available():
        other = torch.accelerator.current_accelerator()
        if other is not None and other.type not in ("cuda", "mps"):
            yield from (f"{other.type}:{index}" for index in range(torch.accelerator.device_count()))
    yield "cpu"


def make_exact(device: str, *, deterministic: bool) -> None:
    """Have torch pick deterministic kernels on accelerators. The CPU's are deterministic as they are."""
    if not device.startswith("cpu"):
        # Read by cuBLAS when it starts; without it, deterministic algorithms refuse matrix products.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = not deterministic
        torch.use_deterministic_algorithms(deterministic)


def is_not_deterministic(error: RuntimeError) -> bool:
    """Whether torch refused a kernel only because exact results were asked for."""
    return torch.are_deterministic_algorithms_enabled() and "deterministic" in text_of(error)


def allow_inexact(error: RuntimeError) -> str:
    """Go on with the kernels there are, after such a refusal; returns what a person should know."""
    torch.use_deterministic_algorithms(False)
    return f"not exact: {text_of(error).split('.')[0]}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device, or the machine, had too little memory: torch's CPU allocator raises a plain RuntimeError."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(
        words in text_of(error) for words in ("can't allocate memory", "backend out of memory")
    )


def free_cached_memory(device: str) -> None:
    """Give back what torch keeps of a device's memory for later use."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device.startswith("mps"):
        torch.mps.empty_cache()


def _name(device: str) -> str:
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    if device == "cpu":
        return platform.processor() or platform.machine()
    return device


class RunAhead:
    """Keeps the host at most two marks ahead of a CUDA device.

    Launches don't wait for the device, so without this a pause would come after everything that a tenth of a second's
    launches have queued. Waiting for the mark before the last one leaves the device work to do.
    """

    def __init__(self, device: torch.device) -> None:
        self._events = [torch.cuda.Event(), torch.cuda.Event()] if device.type == "cuda" else []
        self._device = device

    def mark(self) -> None:
        """What was launched up to here is one piece."""
        if self._events:
            self._events.reverse()
            self._events[0].record(torch.cuda.current_stream(self._device))
            self._events[1].synchronize()
