"""What a resume says of a checkpoint that was made elsewhere, or by another lazytrain."""

from __future__ import annotations

import torch

from lazytrain.engine.compute.device import choose_device
from lazytrain.engine.run.saving import ARITHMETIC, COMPILER, differences, place_of

CHOICE = choose_device("cpu")
HERE = {"torch": str(torch.__version__), "device": "cpu", "threads": 1, "place": place_of(CHOICE)}


def test_a_checkpoint_of_here_differs_in_nothing() -> None:
    assert differences(HERE, CHOICE) == []


def test_another_processor_is_named() -> None:
    elsewhere = {**HERE, "place": {**HERE["place"], "processor": "a 386"}}
    [said] = differences(elsewhere, CHOICE)
    assert "was a 386: the rest may differ in the last bits" in said


def test_what_the_first_stores_did_not_write_down_was_computed_in_the_first_way() -> None:
    """A net of theirs with convolutions goes on with other bits."""
    older = {name: value for name, value in HERE.items() if name != "place"}
    assert differences(older, CHOICE) == [
        f"lazytrain's arithmetic is {ARITHMETIC}, was 1: the rest may differ in the last bits"
    ]


def test_another_compiler_is_named_where_the_steps_were_compiled() -> None:
    elsewhere = {**HERE, "place": {**place_of(CHOICE), COMPILER: "llvmlite 0.1"}}
    assert differences({**elsewhere, "path": "derived"}, CHOICE) == []
    [said] = differences({**elsewhere, "path": "fused"}, CHOICE)
    assert said.startswith("the steps' compiler is ")
    assert said.endswith(", was llvmlite 0.1: the rest may differ in the last bits")
