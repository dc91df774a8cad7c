"""LLVM's text of one function as it grows: its values and their types, arithmetic, names, blocks."""

from __future__ import annotations

import ast
import math
import struct
from dataclasses import dataclass, field
from typing import Final

FAST: Final = "reassoc nsz arcp contract"
"""Sums may be taken in another order, as vectors do; what is NaN or infinite stays so."""
NAMED: Final = {"exp": "exp", "tanh": "tanh", "erf": "erf"}
MATHS: Final = tuple(f"{name}{end}" for name in NAMED.values() for end in ("", "f"))
"""What the C library is asked for."""
_WHOLE: Final = ("i64", "u64", "i32")
_ARITHMETIC: Final[dict[type[ast.operator], tuple[str, str]]] = {
    ast.Add: ("fadd", "add"),
    ast.Sub: ("fsub", "sub"),
    ast.Mult: ("fmul", "mul"),
    ast.Div: ("fdiv", ""),
    ast.Mod: ("", "srem"),
    ast.RShift: ("", "lshr"),
    ast.LShift: ("", "shl"),
    ast.BitXor: ("", "xor"),
}
"""Of numbers and of whole numbers."""
_COMPARED: Final[dict[type[ast.cmpop], tuple[str, str, str]]] = {
    ast.Lt: ("olt", "slt", "ult"),
    ast.LtE: ("ole", "sle", "ule"),
    ast.Gt: ("ogt", "sgt", "ugt"),
    ast.GtE: ("oge", "sge", "uge"),
    ast.Eq: ("oeq", "eq", "eq"),
    ast.NotEq: ("une", "ne", "ne"),
}


class NotLowered(ValueError):
    """The text has something that isn't known here; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: a number's, or that of an array of such numbers."""

    number: str
    """`f32`, `i64`, `u64`, `i1`, and in arrays also `i32`, which is `i64` once it is read, and `u8`, for `f32(…)`."""
    shape: tuple[int, ...] | None = None
    """Of an array; its first is never asked for."""
    lanes: int = 0
    """Of a vector."""


@dataclass(frozen=True, slots=True)
class Value:
    name: str
    """In LLVM's text."""
    kind: Kind


I64, F32, I1 = Kind("i64"), Kind("f32"), Kind("i1")


@dataclass(slots=True, kw_only=True)
class Emitter:
    """One function's text."""

    name: str
    number: str
    """What `f32` is to LLVM."""
    slots: dict[str, Kind] = field(default_factory=dict)
    """Local names and what they are where the text has come to: kept in memory, which LLVM makes registers of."""
    made: set[str] = field(default_factory=set)
    arrays: dict[str, Value] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)
    count: int = 0
    ended: bool = False
    """Whether the block at work has ended already."""

    # ── names ──────────────────────────────────────────────────────────────────────────────────────────────

    def _store(self, name: str, value: Value) -> None:
        self.slots[name] = value.kind
        slot, kind = _slot(name, value.kind), self._type(value.kind)
        if slot not in self.made:
            self.made.add(slot)
            self.entry.append(f"{slot} = alloca {kind}")
        self.lines.append(f"store {kind} {value.name}, ptr {slot}")

    def _as(self, value: Value, kind: Kind) -> str:
        if value.kind.number != kind.number:
            raise NotLowered(f"{self.name}: {value.kind.number} in place of {kind.number}")
        return value.name

    def _load(self, name: str, node: ast.expr | None = None) -> Value:
        if name not in self.slots:
            raise NotLowered(f"{self.name}: no {name} at line {getattr(node, 'lineno', 0)}")
        kind = self.slots[name]
        return Value(self._make(f"load {self._type(kind)}, ptr {_slot(name, kind)}"), kind)

    # ── arithmetic ─────────────────────────────────────────────────────────────────────────────────────────

    def _maths(self, node: ast.expr, name: str, value: Value) -> Value:
        self._as(value, F32)
        letter = "f" if self.number == "float" else ""
        if name not in NAMED:
            raise self._unknown(node)
        return Value(self._make(f"call {self.number} @{NAMED[name]}{letter}({self.number} {value.name})"), F32)

    def _root(self, value: Value) -> Value:
        self._as(value, F32)
        kind, letter = self._type(value.kind), "f32" if self.number == "float" else "f64"
        name = f"llvm.sqrt.v{value.kind.lanes}{letter}" if value.kind.lanes else f"llvm.sqrt.{letter}"
        return Value(self._make(f"call {kind} @{name}({kind} {value.name})"), value.kind)

    def _constant(self, number: float) -> Value:
        if self.number == "float" and math.isfinite(number):
            number = struct.unpack("f", struct.pack("f", number))[0]
        return Value(f"0x{struct.unpack('>Q', struct.pack('>d', number))[0]:016X}", F32)

    def _operate(self, node: ast.AST, operator: ast.operator, left: Value, right: Value) -> Value:
        floats, wholes = _ARITHMETIC.get(type(operator), ("", ""))
        self._as(right, left.kind)
        lanes = max(left.kind.lanes, right.kind.lanes)
        if lanes:
            left, right = self._spread(left, lanes), self._spread(right, lanes)
        if left.kind.number == "f32" and left.kind.shape is None and floats:
            return Value(self._make(f"{floats} {FAST} {self._type(left.kind)} {left.name}, {right.name}"), left.kind)
        if left.kind.number not in _WHOLE or left.kind.shape is not None or not wholes:
            raise self._unknown(node)
        signed = " nsw" if left.kind == I64 and wholes in ("add", "sub", "mul") else ""
        return Value(self._make(f"{wholes}{signed} i64 {left.name}, {right.name}"), left.kind)

    def _spread(self, value: Value, lanes: int) -> Value:
        """A vector, of a number that each of its own is."""
        if value.kind.lanes:
            return value
        kind = Kind("f32", None, lanes)
        one = self._make(f"insertelement {self._type(kind)} poison, {self.number} {value.name}, i64 0")
        zeros = f"<{lanes} x i32> zeroinitializer"
        return Value(self._make(f"shufflevector {self._type(kind)} {one}, {self._type(kind)} poison, {zeros}"), kind)

    def _sum(self, node: ast.AST, value: Value) -> Value:
        if not value.kind.lanes:
            raise self._unknown(node)
        kind, letter = self._type(value.kind), "f32" if self.number == "float" else "f64"
        name = f"llvm.vector.reduce.fadd.v{value.kind.lanes}{letter}"
        zero = self._constant(-0.0).name
        return Value(self._make(f"call {FAST} {self.number} @{name}({self.number} {zero}, {kind} {value.name})"), F32)

    def _compare(self, node: ast.AST, operator: ast.cmpop, left: Value, right: Value) -> Value:
        if type(operator) not in _COMPARED:
            raise self._unknown(node)
        self._as(right, left.kind)
        floats, signed, unsigned = _COMPARED[type(operator)]
        if left.kind == F32:
            return Value(self._make(f"fcmp {floats} {self.number} {left.name}, {right.name}"), I1)
        word = unsigned if left.kind.number == "u64" else signed
        return Value(self._make(f"icmp {word} i64 {left.name}, {right.name}"), I1)

    def _select(self, test: Value, one: Value, other: Value) -> Value:
        kind = self._type(one.kind)
        return Value(
            self._make(f"select i1 {test.name}, {kind} {one.name}, {kind} {self._as(other, one.kind)}"), one.kind
        )

    # ── LLVM's text ────────────────────────────────────────────────────────────────────────────────────────

    def _type(self, kind: Kind) -> str:
        if kind.shape is not None:
            return "ptr"
        if kind.lanes:
            return f"<{kind.lanes} x {self.number}>"
        return {"f32": self.number, "u64": "i64", "u8": "i8"}.get(kind.number, kind.number)

    def _alignment(self, kind: Kind) -> str:
        """Vectors begin at any number."""
        return f", align {4 if self.number == 'float' else 8}" if kind.lanes else ""

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _make(self, text: str) -> str:
        name = f"%t{self._next()}"
        self.lines.append(f"{name} = {text}")
        return name

    def _jump(self, label: str) -> None:
        self.lines.append(f"br label %{label}")

    def _fork(self, test: str, one: str, other: str) -> None:
        self.lines.append(f"br i1 {test}, label %{one}, label %{other}")

    def _begin(self, label: str) -> None:
        self.lines.append(f"{label}:")
        self.ended = False

    def _unknown(self, node: ast.AST) -> NotLowered:
        return NotLowered(f"{self.name}: line {getattr(node, 'lineno', 0)}: {ast.unparse(node)} isn't known")


def _slot(name: str, kind: Kind) -> str:
    return f"%slot.{name}.{kind.number}.{kind.lanes}"
