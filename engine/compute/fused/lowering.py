"""From a program's text to LLVM's: the few things of Python that programs are written in, each with a fixed type.

A program is functions of plain Python whose parameters say their types: `i64`, `u64`, `f32`, or an array that lies
row by row in memory, `f32[3, 1024]` (`f32[:, 1024]` where its length is nobody's business here). It is made of
assignments, `for … in range(…)`, `if`, calls of functions that stand above, numbers, and the names in `_MATHS`; a
local name has the type of what it was given last. `x[c, p : p + 16]` is a vector of 16 numbers, `.sum()` its sum, and
`np.zeros(16, f32)` one of zeros; of a vector and a number, the number is taken for each. The same text can be run by
Python itself, which tests do.
"""

from __future__ import annotations

import ast
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

FAST: Final = "reassoc nsz arcp contract"
"""Sums may be taken in another order, as vectors do; what is NaN or infinite stays so."""
_MATHS: Final = {"exp": "exp", "tanh": "tanh", "erf": "erf"}
MATHS: Final = tuple(f"{name}{end}" for name in _MATHS.values() for end in ("", "f"))
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


@dataclass(slots=True)
class _Signature:
    name: str
    parameters: list[tuple[str, Kind]]


def lower(text: str, exported: Sequence[str], *, double: bool = False, vector_bits: int = 0) -> str:
    """LLVM's text of a program.

    Args:
        exported: functions that are called from outside: nothing is known of what their arrays share.
        double: `f32` means double precision, as tests have it.
        vector_bits: width of the vectors to take, where that isn't to be LLVM's choice.

    Raises:
        NotLowered: it isn't made of what programs are made of.
    """
    signatures: dict[str, _Signature] = {}
    parts: list[str] = []
    number = "double" if double else "float"
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef):
            signature = _Signature(node.name, [_parameter(each) for each in node.args.args])
            outside = node.name in exported
            parts.append(_Function(node, signature, signatures, number, outside=outside).write())
            signatures[node.name] = signature
    letter = "" if double else "f"
    declared = [f"declare {number} @{name}{letter}({number}) #1" for name in _MATHS.values()]
    width = f' "prefer-vector-width"="{vector_bits}" "min-legal-vector-width"="0"' if vector_bits else ""
    attributes = [
        f"attributes #0 = {{ noinline nounwind{width} }}",
        "attributes #1 = { nounwind willreturn memory(none) }",
    ]
    return "\n".join([*declared, *parts, *attributes, ""])


def _parameter(node: ast.arg) -> tuple[str, Kind]:
    match node.annotation:
        case ast.Name(id=number):
            return node.arg, Kind(number)
        case ast.Subscript(value=ast.Name(id=number), slice=where):
            sizes = where.elts if isinstance(where, ast.Tuple) else [where]
            return node.arg, Kind(number, tuple(each.value if isinstance(each, ast.Constant) else 0 for each in sizes))  # type: ignore[misc]
    raise NotLowered(f"line {node.lineno}: {node.arg} has no type")


@dataclass(slots=True)
class _Function:
    node: ast.FunctionDef
    signature: _Signature
    known: dict[str, _Signature]
    number: str
    """What `f32` is to LLVM."""
    outside: bool = False
    slots: dict[str, Kind] = field(default_factory=dict)
    """Local names and what they are where the text has come to: kept in memory, which LLVM makes registers of."""
    made: set[str] = field(default_factory=set)
    arrays: dict[str, Value] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)
    count: int = 0
    ended: bool = False
    """Whether the block at work has ended already."""

    def write(self) -> str:
        made: list[str] = []
        for name, kind in self.signature.parameters:
            if kind.shape is None:
                made.append(f"{self._type(kind)} %{name}")
                self._store(name, Value(f"%{name}", kind))
            else:
                made.append(f"ptr {'' if self.outside else 'noalias '}%{name}")
                self.arrays[name] = Value(f"%{name}", kind)
        self._body(self.node.body)
        if not self.ended:
            self.lines.append("ret void")
        linkage = "" if self.outside else "internal "
        head = f"define {linkage}void @{self.signature.name}({', '.join(made)}) #0 {{"
        return "\n".join([head, "entry:", *self.entry, *self.lines, "}"])

    # ── statements ─────────────────────────────────────────────────────────────────────────────────────────

    def _body(self, nodes: Sequence[ast.stmt]) -> None:
        for node in nodes:
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.Expr(value=ast.Call(func=ast.Name(id=name), args=arguments)):
                self._call(node, name, arguments)
            case ast.Assign(targets=[target], value=value):
                self._assign(target, self._any(value))
            case ast.AugAssign(target=target, op=operator, value=value):
                self._assign(target, self._operate(node, operator, self._any(target), self._any(value)))
            case ast.For(target=ast.Name(id=name), iter=ast.Call(func=ast.Name(id="range"), args=limits)):
                self._loop(name, limits, node.body)
            case ast.If():
                self._branch(node)
            case ast.Return(value=None):
                self.lines.append("ret void")
                self.ended = True
            case _:
                raise self._unknown(node)

    def _assign(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name(id=name):
                if value.kind.shape is None:
                    self._store(name, value)
                else:
                    self.arrays[name] = value
            case ast.Subscript():
                place = self._element(target)
                if place.kind.number == "i32":
                    value = Value(self._make(f"trunc i64 {self._as(value, I64)} to i32"), place.kind)
                if place.kind.lanes != value.kind.lanes:
                    raise self._unknown(target)
                kind = self._type(place.kind)
                said = f"store {kind} {self._as(value, place.kind)}, ptr {place.name}{self._alignment(place.kind)}"
                self.lines.append(said)
            case _:
                raise self._unknown(target)

    def _store(self, name: str, value: Value) -> None:
        self.slots[name] = value.kind
        slot, kind = _slot(name, value.kind), self._type(value.kind)
        if slot not in self.made:
            self.made.add(slot)
            self.entry.append(f"{slot} = alloca {kind}")
        self.lines.append(f"store {kind} {value.name}, ptr {slot}")

    def _as(self, value: Value, kind: Kind) -> str:
        if value.kind.number != kind.number:
            raise NotLowered(f"{self.signature.name}: {value.kind.number} in place of {kind.number}")
        return value.name

    def _loop(self, name: str, limits: list[ast.expr], body: list[ast.stmt]) -> None:
        values = [self._any(each) for each in limits]
        start, stop = (values[0], values[1]) if len(values) > 1 else (Value("0", I64), values[0])
        step = values[2] if len(values) > 2 else Value("1", I64)
        look, inside, after = (f"{each}.{self._next()}" for each in ("look", "inside", "after"))
        self._store(name, start)
        self._jump(look)
        self._begin(look)
        at = self._load(name)
        self._fork(self._make(f"icmp slt i64 {at.name}, {stop.name}"), inside, after)
        self._begin(inside)
        self._body(body)
        if not self.ended:
            at = self._load(name)
            self._store(name, Value(self._make(f"add nsw i64 {at.name}, {step.name}"), I64))
            self._jump(look)
        self._begin(after)

    def _branch(self, node: ast.If) -> None:
        then, other, after = (f"{each}.{self._next()}" for each in ("then", "else", "after"))
        self._fork(self._any(node.test).name, then, other)
        for label, body in ((then, node.body), (other, node.orelse)):
            self._begin(label)
            self._body(body)
            if not self.ended:
                self._jump(after)
        self._begin(after)

    def _call(self, node: ast.stmt, name: str, arguments: list[ast.expr]) -> None:
        if name not in self.known:
            raise self._unknown(node)
        given = [self._any(each) for each in arguments]
        parameters = self.known[name].parameters
        if len(given) != len(parameters):
            raise NotLowered(f"{self.signature.name}: {name} takes {len(parameters)} arguments, not {len(given)}")
        said = [
            f"{self._type(kind)} {self._as(value, kind)}" for value, (_, kind) in zip(given, parameters, strict=True)
        ]
        self.lines.append(f"call void @{name}({', '.join(said)})")

    # ── expressions ────────────────────────────────────────────────────────────────────────────────────────

    def _any(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=bool()):
                raise self._unknown(node)
            case ast.Constant(value=int(number)):
                return Value(str(number), I64)
            case ast.Name(id=name):
                return self.arrays[name] if name in self.arrays else self._load(name, node)
            case ast.Subscript():
                return self._read(node)
            case ast.BinOp(left=left, op=operator, right=right):
                return self._operate(node, operator, self._any(left), self._any(right))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value = self._any(operand)
                if value.kind == F32:
                    return Value(self._make(f"fneg {FAST} {self.number} {value.name}"), F32)
                return Value(self._make(f"sub nsw i64 0, {value.name}"), value.kind)
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return self._compare(node, operator, self._any(left), self._any(right))
            case ast.BoolOp(op=operator, values=[left, right]):
                word = "or" if isinstance(operator, ast.Or) else "and"
                return Value(self._make(f"{word} i1 {self._any(left).name}, {self._any(right).name}"), I1)
            case ast.IfExp(test=test, body=body, orelse=other):
                return self._select(self._any(test), self._any(body), self._any(other))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._made(node, name, arguments)
            case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="sqrt"), args=[argument]):
                return self._root(self._any(argument))
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math"), attr=name), args=[argument]):
                return self._maths(node, name, self._any(argument))
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="np"), attr="zeros"), args=[ast.Constant(value=lanes), _]
            ):
                return Value("zeroinitializer", Kind("f32", None, int(lanes)))  # type: ignore[arg-type]
            case ast.Call(func=ast.Attribute(value=vector, attr="sum"), args=[]):
                return self._sum(node, self._any(vector))
            case ast.Call(func=ast.Attribute(value=array, attr="reshape"), args=sizes):
                value = self._any(array)
                shape = tuple(each.value if isinstance(each, ast.Constant) else 0 for each in sizes)
                return Value(value.name, Kind(value.kind.number, shape))  # type: ignore[arg-type]
            case _:
                raise self._unknown(node)

    def _made(self, node: ast.expr, name: str, arguments: list[ast.expr]) -> Value:
        match name, arguments:
            case "f32", [ast.Constant(value=int() | float() as number)]:
                return self._constant(float(number))
            case "f32", [ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number))]:
                return self._constant(-float(number))
            case "u64", [ast.Constant(value=int(number))]:
                return Value(str(number), Kind("u64"))
            case "f32", [argument]:
                value = self._any(argument)
                if value.kind == F32:
                    return value
                if value.kind.number == "u8":
                    return Value(self._make(f"uitofp i8 {value.name} to {self.number}"), F32)
                return Value(self._make(f"sitofp i64 {self._as(value, I64)} to {self.number}"), F32)
            case "u64", [argument]:
                return Value(self._any(argument).name, Kind("u64"))
            case "max", [one, other]:
                left, right = self._any(one), self._any(other)
                return self._select(self._compare(node, ast.Gt(), left, right), left, right)
        raise self._unknown(node)

    def _maths(self, node: ast.expr, name: str, value: Value) -> Value:
        self._as(value, F32)
        letter = "f" if self.number == "float" else ""
        if name not in _MATHS:
            raise self._unknown(node)
        return Value(self._make(f"call {self.number} @{_MATHS[name]}{letter}({self.number} {value.name})"), F32)

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

    # ── memory ─────────────────────────────────────────────────────────────────────────────────────────────

    def _element(self, node: ast.Subscript) -> Value:
        """Where an element stands; of fewer indices than the array has, where that part of it begins."""
        array = self._any(node.value)
        if array.kind.shape is None:
            raise self._unknown(node)
        shape, lanes = array.kind.shape, 0
        match node.slice:
            case ast.Slice(lower=ast.expr() as first, upper=None):
                indices = [first]
                left: tuple[int, ...] = (0, *shape[1:])
            case ast.Tuple(elts=[*before, ast.Slice() as last]):
                first, lanes = self._vector(node, last)
                indices, left = [*before, first], ()
            case ast.Tuple(elts=indices):
                left = shape[len(indices) :]
            case index:
                indices, left = [index], shape[1:]
        place: str | None = None
        for index, inner in zip(indices, (math.prod(shape[at + 1 :]) for at in range(len(shape))), strict=False):
            at = self._as(self._any(index), I64)
            at = at if inner == 1 else self._make(f"mul nsw i64 {at}, {inner}")
            place = at if place is None else self._make(f"add nsw i64 {place}, {at}")
        made = self._make(
            f"getelementptr inbounds {self._type(Kind(array.kind.number))}, ptr {array.name}, i64 {place}"
        )
        return Value(made, Kind(array.kind.number, left or None, lanes))

    def _vector(self, node: ast.AST, where: ast.Slice) -> tuple[ast.expr, int]:
        """Of `at : at + lanes`, both."""
        match where:
            case ast.Slice(
                lower=ast.expr() as first,
                upper=ast.BinOp(left=ast.expr() as again, op=ast.Add(), right=ast.Constant(value=int(lanes))),
            ) if ast.dump(first) == ast.dump(again):
                return first, lanes
        raise self._unknown(node)

    def _read(self, node: ast.Subscript) -> Value:
        place = self._element(node)
        if place.kind.shape is not None:
            return place
        value = self._make(f"load {self._type(place.kind)}, ptr {place.name}{self._alignment(place.kind)}")
        if place.kind.number == "i32":
            return Value(self._make(f"sext i32 {value} to i64"), I64)
        return Value(value, place.kind)

    def _load(self, name: str, node: ast.expr | None = None) -> Value:
        if name not in self.slots:
            raise NotLowered(f"{self.signature.name}: no {name} at line {getattr(node, 'lineno', 0)}")
        kind = self.slots[name]
        return Value(self._make(f"load {self._type(kind)}, ptr {_slot(name, kind)}"), kind)

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
        return NotLowered(f"{self.signature.name}: line {getattr(node, 'lineno', 0)}: {ast.unparse(node)} isn't known")


def _slot(name: str, kind: Kind) -> str:
    return f"%slot.{name}.{kind.number}.{kind.lanes}"
