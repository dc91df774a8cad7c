"""The random numbers of a run: torch's, Python's and numpy's, since a net may draw from any of them.

Seeded, saved and set together. Generators that a net makes for itself are its own, and belong into its state.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

# numpy's own stubs lack these two.
_get_bit_generator: Callable[[], Any] = vars(np.random)["get_bit_generator"]
_set_bit_generator: Callable[[Any], None] = vars(np.random)["set_bit_generator"]


def seed_all(seed: int) -> None:
    """Begin anew from `seed`, 0 to 2⁶³ - 1."""
    torch.manual_seed(seed)
    _seed_others(seed)


def random_state(device: torch.device) -> dict[str, Any]:
    """Where the generators stand, on the CPU and on a CUDA device: tensors and plain values."""
    arrays = np.random.get_state(legacy=False)
    state = {"cpu": torch.get_rng_state(), "python": random.getstate(), "numpy": _plain(arrays)}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def set_random_state(state: Mapping[str, Any], device: torch.device, seed: int) -> None:
    """Go on from a saved state. What an older one doesn't hold begins anew from `seed`."""
    _seed_others(seed)
    torch.set_rng_state(state["cpu"])
    if "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    if "python" in state:
        random.setstate(state["python"])
    if "numpy" in state:
        arrays = state["numpy"]
        if np.random.get_state(legacy=False)["bit_generator"] != arrays["bit_generator"]:
            # A net had put another in its place.
            _set_bit_generator(getattr(np.random, arrays["bit_generator"])())
        np.random.set_state(arrays)


@contextmanager
def forked(devices: list[int] | None = None) -> Iterator[None]:
    """What is drawn inside changes nothing outside. Of CUDA devices all are forked, or `devices`."""
    python, generator = random.getstate(), _get_bit_generator()
    arrays = generator.state
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        _set_bit_generator(generator)
        generator.state = arrays


def _seed_others(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)  # it takes no more


def _plain(value: Any) -> Any:
    """numpy's state without arrays, which are not loaded where nothing may be executed."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
