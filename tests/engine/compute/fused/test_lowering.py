"""What programs are written in: the same by Python and by LLVM, and what isn't known is refused by name and line."""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np
import pytest

from lazytrain.engine.compute.fused.compiling import compile_text, load_object
from lazytrain.engine.compute.fused.emitting import NotLowered
from lazytrain.engine.compute.fused.lowering import lower

pytest.importorskip("llvmlite")
TEXT = """
def half(x: f32[:], y: f32[:], count: i64):
    if count == 0:
        return
    for i in range(count):
        y[i] = x[i] / f32(2)


def steps(x: f32[4, 8], bytes: u8[:], places: i32[:], seed: u64, count: i64, y: f32[:]):
    half(x[1], y, count)
    half(x[0], y, 0)
    total = np.zeros(4, f32)
    for i in range(0, 8, 4):
        total = total + x[2, i : i + 4] * f32(3) - x[3, i : i + 4]
    y[8] = total.sum()
    y[9] = np.sqrt(f32(bytes[1])) + math.exp(f32(0)) - f32(-1)
    places[1] = count % 3 - 7
    y[10] = f32(places[1] * 2) if count > 2 and x[0, 0] < f32(0) else f32(5)
    y[11] = max(x[0, 1], x[0, 2])
    z = (seed ^ (seed >> u64(30))) * u64(0xBF58476D1CE4E5B9)
    if z >= u64(9223372036854775808) or count != 5:
        y[12] = f32(1)
    else:
        y[12] = f32(2)
    last = x.reshape(32)[31:]
    y[13] = -last[0]
"""


@pytest.mark.parametrize("seed", [1, 2**40 + 3, 2**63 + 5])
def test_it_is_what_python_computes(seed: int) -> None:
    x, whole = np.random.default_rng(seed).standard_normal((4, 8)), np.array([3, 200], np.uint8)
    places, y = [np.zeros(2, np.int32) for _ in range(2)], [np.zeros(14) for _ in range(2)]
    names: dict[str, Any] = {"f32": np.float64, "u64": np.uint64, "np": np, "math": math}
    exec("from __future__ import annotations\n" + TEXT, names)
    with np.errstate(over="ignore"):
        names["steps"](x, whole, places[0], np.uint64(seed), 5, y[0])
    loaded = load_object(TEXT, compile_text(TEXT, double=True))
    pointers = [ctypes.c_void_p(each.ctypes.data) for each in (x, whole, places[1])]
    numbers = [ctypes.c_uint64(seed), ctypes.c_int64(5), ctypes.c_void_p(y[1].ctypes.data)]
    loaded.functions["steps"](*pointers, *numbers)
    assert places[0].tolist() == places[1].tolist() == [0, -5]
    assert y[0].tolist() == pytest.approx(y[1].tolist(), rel=1e-12)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("while count: pass", "line 2: while count:"),
        ("y[0] = other", "no other at line 2"),
        ("y[0] = count", "i64 in place of f32"),
        ("y[0] = y[0] + count", "i64 in place of f32"),
        ("y[0] = y[1 : 5]", "isn't known"),
        ("half(y)", "half(y) isn't known"),
        ("y[0] = math.sin(y[1])", "math.sin(y[1]) isn't known"),
        ("count = count / 2", "count / 2 isn't known"),
    ],
)
def test_what_is_not_known_is_refused(line: str, said: str) -> None:
    with pytest.raises(NotLowered) as refused:
        lower(f"def steps(y: f32[:], count: i64):\n    {line}\n", ["steps"])
    assert said in str(refused.value)
