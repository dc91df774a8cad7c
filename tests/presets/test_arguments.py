"""What may be handed to a net: plain values, bounded, and refused by the argument's name."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from lazytrain.presets import Architecture


def made(**arguments: Any) -> Architecture:
    return Architecture(title="mine", module="nets:Mine", arguments=arguments)


def test_plain_values_are_taken() -> None:
    arguments = {"width": 8, "rates": [0.1, {"deep": True}], "name": "é", "nothing": None, "seed": 2**53}
    assert made(**arguments).arguments == arguments
    stored = Architecture.model_validate_json(made(**arguments).model_dump_json())
    assert stored.arguments == arguments, "a stored run is handed the same"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (date(1979, 5, 27), "arguments.a = 1979-05-27: a date can't be handed to a net"),
        (float("nan"), "arguments.a = nan: give a finite number"),
        ([1, {"b": float("inf")}], r"arguments.a\[1\].b = inf"),
        (2**53 + 1, "arguments.a: a number beyond"),
        ("x" * 10_001, "arguments.a: a text of 10,001 letters"),
        ([0] * 1_000, "more than 1,000 values"),
        ([[[[[[[[1]]]]]]]], "more than 8 lists or tables"),
    ],
)
def test_what_no_run_could_hold_is_refused(value: Any, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        made(a=value)
