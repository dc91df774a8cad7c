"""A net's state as a checkpoint holds it: its tensors, and whatever else its `get_extra_state` gives.

That may be any object, and is kept as bytes: reading a checkpoint executes nothing. The bytes are taken apart only for
a module that has a `set_extra_state` of its own, whose code runs here anyway.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lazytrain.engine.errors import describe

EXTRA = "_extra_state"
"""The last part of such a name in a `state_dict`."""
_KEPT = "lazytrain: kept as bytes"


def net_state(net: nn.Module) -> dict[str, Any]:
    """Tensors, the net's own, by their names, and `kept` of everything else.

    Raises:
        RuntimeError: the net's extra state can't be stored; the message names it.
    """
    return {
        name: value if isinstance(value, Tensor) else _keep(name, value) for name, value in net.state_dict().items()
    }


def copied(state: Mapping[str, Any]) -> dict[str, Any]:
    """The same, of memory of its own; bytes are never changed."""
    return {name: value.detach().clone() if isinstance(value, Tensor) else value for name, value in state.items()}


def load_net_state(net: nn.Module, state: Mapping[str, Any]) -> None:
    """Give `net` a saved state. Raises RuntimeError where it doesn't fit, as `load_state_dict` does."""
    net.load_state_dict({name: _take(value) if _takes_extra(net, name) else value for name, value in state.items()})


def has_extra_state(net: nn.Module) -> bool:
    """Whether a part of it says by `get_extra_state` what is to be kept beside its tensors."""
    return any(type(module).get_extra_state is not nn.Module.get_extra_state for module in net.modules())


def try_extra_state(net: nn.Module, fresh: nn.Module) -> None:
    """Save what `net` keeps beside its tensors, and give it to `fresh`, the same net made anew, as a resume does.

    Raises:
        RuntimeError: it can't be stored, or not be given back; the message names the part of the net.
    """
    for name, value in net_state(net).items():
        path, _, last = name.rpartition(".")
        if last == EXTRA:
            if not _takes_extra(fresh, name):
                raise RuntimeError(f"{path or 'the net'}: it has get_extra_state, and no set_extra_state to take it")
            fresh.get_submodule(path).set_extra_state(_take(value))


def _keep(name: str, value: Any) -> dict[str, Tensor]:
    buffer = io.BytesIO()
    try:
        torch.save(value, buffer)
    except Exception as error:  # whatever a person's own class raises when it is pickled
        whose = name.rpartition(".")[0] or "the net"
        raise RuntimeError(
            f"{whose}: what its get_extra_state gives can't be pickled, and so not be saved: {describe(error)}"
        ) from error
    return {_KEPT: torch.frombuffer(bytearray(buffer.getbuffer()), dtype=torch.uint8)}


def _take(value: Any) -> Any:
    if not isinstance(value, dict) or set(value) != {_KEPT}:
        return value
    return torch.load(io.BytesIO(value[_KEPT].numpy().tobytes()), map_location="cpu", weights_only=False)


def _takes_extra(net: nn.Module, name: str) -> bool:
    path, _, last = name.rpartition(".")
    if last != EXTRA:
        return False
    try:
        module = net.get_submodule(path)
    except AttributeError:
        return False  # `load_state_dict` says that it doesn't fit
    return type(module).set_extra_state is not nn.Module.set_extra_state
