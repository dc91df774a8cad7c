"""Programs, compiled by LLVM once and kept on disk, each a file named by its text and by what compiled it.

Compiling takes under a second, most of it without Python's lock. Nothing here imports torch.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import platformdirs

from lazytrain.engine.compute.fused.emitting import MATHS, NotLowered
from lazytrain.engine.compute.fused.lowering import lower
from lazytrain.engine.compute.fused.planes import NARROW, WIDE, Registers

FOLDER = "LAZYTRAIN_PROGRAMS"
"""This variable of the environment names the folder of compiled programs; else the user's cache folder has it."""
LOOK_SECONDS = 0.1
VECTOR_BITS = 512
"""Of processors that have them. LLVM would take half of it where it fears for the clock, and long sums are slower."""
EXPORTED = ("steps", "predict")
_MEMORY = ("memset", "memcpy", "memmove")
"""What LLVM makes of some loops."""
_FORMAT = "2"


class CannotCompile(RuntimeError):
    """No program can be had here; the message says why."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A program's functions, each called with addresses and numbers, without Python's lock."""

    functions: Mapping[str, Callable[..., None]]
    _keeper: Any
    """LLVM's engine, which frees the code when it goes."""


def programs_folder() -> Path:
    """Where compiled programs are kept: safe to delete."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else platformdirs.user_cache_path("lazytrain", appauthor=False) / "programs"


def has_compiler() -> bool:
    """Whether LLVM is installed."""
    return importlib.util.find_spec("llvmlite") is not None


def compiler_version() -> str | None:
    """LLVM's package, as a checkpoint names it; None where there is none."""
    try:
        return f"llvmlite {version('llvmlite')}"
    except PackageNotFoundError:
        return None


def program_file(text: str) -> Path:
    """The file of one program for this processor. Raises CannotCompile where there is no LLVM."""
    made_by = compiler_version()
    if made_by is None:
        raise CannotCompile("llvmlite isn't installed: pip install llvmlite")
    named = "\n".join([_FORMAT, made_by, *_processor(), text])
    return programs_folder() / f"{hashlib.sha256(named.encode()).hexdigest()[:24]}.program"


def is_compiled(text: str) -> bool:
    """Whether a program is there already. Raises CannotCompile where there is no LLVM."""
    return program_file(text).exists()


def load_program(text: str) -> Loaded:
    """The program's functions; compiled here and now if it isn't yet, or if what is kept of it is damaged.

    Raises:
        CannotCompile: there is no LLVM, it can't compile this, or the folder can't be written.
    """
    file = program_file(text)
    kept = _read(file)
    if kept is None:
        kept = compile_text(text)
        _write(file, kept)
    return load_object(text, kept)


def compile_aside(text: str, sleep: Callable[[float], Any] = time.sleep) -> Generator[float]:
    """Have another thread compile a program; yields the seconds so far, ten times each. Closing it waits for nothing.

    Raises:
        CannotCompile: that failed.
    """
    failed: list[CannotCompile] = []

    def work() -> None:
        try:
            load_program(text)
        except CannotCompile as error:
            failed.append(error)

    # No daemon: a program that ends waits for it, for a second, and never ends in the middle of LLVM.
    thread = threading.Thread(target=work, name="compiling")
    began = time.monotonic()
    thread.start()
    while thread.is_alive():
        yield time.monotonic() - began
        sleep(LOOK_SECONDS)
    if failed:
        raise failed[0]


def compile_text(text: str, *, double: bool = False) -> bytes:
    """A program as an object file; with `double` in double precision, as tests have it. Raises CannotCompile."""
    llvm = _llvm()
    name, features = _processor()
    wide = VECTOR_BITS if registers() is WIDE else 0
    try:
        module = llvm.parse_assembly(lower(text, EXPORTED, double=double, vector_bits=wide))
        module.verify()
        machine = llvm.Target.from_default_triple().create_target_machine(
            opt=3, cpu=name, features=features, codemodel="jitdefault", jit=True
        )
        module.triple, module.data_layout = machine.triple, str(machine.target_data)
        options = llvm.create_pipeline_tuning_options(speed_level=3)
        options.loop_vectorization = options.slp_vectorization = options.loop_interleaving = True
        builder = llvm.create_pass_builder(machine, options)
        builder.getModulePassManager().run(module, builder)
        return machine.emit_object(module)
    except (NotLowered, RuntimeError, SyntaxError) as error:
        raise CannotCompile(f"the steps can't be compiled: {type(error).__name__}: {error}") from error


def load_object(text: str, kept: bytes) -> Loaded:
    """The functions of an object file that was made of `text`."""
    llvm = _llvm()
    machine = llvm.Target.from_default_triple().create_target_machine(codemodel="jitdefault", jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(kept))
    engine.finalize_object()
    functions: dict[str, Callable[..., None]] = {}
    for name in EXPORTED:
        address = engine.get_function_address(name)
        if address:
            functions[name] = ctypes.CFUNCTYPE(None)(address)
    return Loaded(functions, engine)


def _read(file: Path) -> bytes | None:
    """What is kept in it; None where that is nothing, or damaged: an object file is run as it is."""
    try:
        said, kept = file.read_bytes().split(b"\n", 1)
    except (OSError, ValueError):
        return None
    return kept if said == hashlib.sha256(kept).hexdigest().encode() else None


def _write(file: Path, kept: bytes) -> None:
    """Whole or not at all."""
    half = file.with_suffix(f".{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(hashlib.sha256(kept).hexdigest().encode() + b"\n" + kept)
        half.replace(file)
    except OSError as error:
        raise CannotCompile(f"the compiled steps can't be kept in {file.parent}: {error}") from error


def registers() -> Registers:
    """What programs for this processor are written for; it doesn't matter where none can be compiled."""
    return WIDE if not has_compiler() or "+avx512f" in _processor()[1].split(",") else NARROW


@cache
def _processor() -> tuple[str, str]:
    """LLVM's name of this processor, and what it can do."""
    llvm = _llvm()
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def _llvm() -> Any:
    """LLVM, ready to compile for this machine. Raises CannotCompile."""
    # Here, and not above: only a training wants it.
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError) as error:
        raise CannotCompile(f"llvmlite can't be imported: {error}") from error
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # What isn't found when a program is linked would end the process.
    # Of this process: Python itself is linked to what there is of mathematics.
    library = ctypes.CDLL("ucrtbase" if sys.platform == "win32" else None)
    for name in (*MATHS, *_MEMORY):
        function = getattr(library, name, None)
        if function is None:
            raise CannotCompile(f"this machine's C library has no {name}")
        llvm.add_symbol(name, ctypes.cast(function, ctypes.c_void_p).value)
    return llvm
