"""Half the bits where a run asks for them: torch's autocast, which keeps weights, losses and updates in float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from lazytrain.presets.schema import Hyperparameters


def precision_of(values: Hyperparameters, device: torch.device) -> AbstractContextManager[Any]:
    """Entered around a forward pass; its output may be bfloat16."""
    if values.precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def memory_format_of(values: Hyperparameters) -> torch.memory_format:
    """For images [N, C, H, W] and the net's 4-dimensional weights."""
    return torch.channels_last if values.channels_last else torch.preserve_format
