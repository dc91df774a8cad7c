"""From a program's text to LLVM's: the few things of Python that programs are written in, each with a fixed type.

A program is functions of plain Python whose parameters say their types: `i64`, `u64`, `f32`, or an array that lies
row by row in memory, `f32[3, 1024]` (`f32[:, 1024]` where its length is nobody's business here). It is made of
assignments, `for … in range(…)`, `if`, calls of functions that stand above, numbers, and the names in `NAMED`; a
local name has the type of what it was given last. `x[c, p : p + 16]` is a vector of 16 numbers, `.sum()` its sum, and
`np.zeros(16, f32)` one of zeros; of a vector and a number, the number is taken for each. The same text can be run by
Python itself, which tests do.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass

from lazytrain.engine.compute.fused.emitting import F32, FAST, I1, I64, NAMED, Emitter, Kind, NotLowered, Value


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
            function = _Function(
                name=node.name, number=number, node=node, signature=signature, known=signatures, outside=outside
            )
            parts.append(function.write())
            signatures[node.name] = signature
    letter = "" if double else "f"
    declared = [f"declare {number} @{name}{letter}({number}) #1" for name in NAMED.values()]
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


@dataclass(slots=True, kw_only=True)
class _Function(Emitter):
    node: ast.FunctionDef
    signature: _Signature
    known: dict[str, _Signature]
    outside: bool = False
    """Whether it is called from outside."""

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
        head = f"define {linkage}void @{self.name}({', '.join(made)}) #0 {{"
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
            raise NotLowered(f"{self.name}: {name} takes {len(parameters)} arguments, not {len(given)}")
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
