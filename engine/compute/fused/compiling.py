"""Programs, compiled by numba once and kept on disk: a folder a program, named by its text and by what compiled it.

Compiling takes seconds and holds Python's lock for much of them, so it is done by a process of its own, this module's
`main`; whoever trains loads what it made. Nothing here imports torch.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import platformdirs

from lazytrain.engine.child_process import describe_end, outer_environment, python_command

FOLDER = "LAZYTRAIN_PROGRAMS"
"""This variable of the environment names the folder of compiled programs; else the user's cache folder has it."""
LOOK_SECONDS = 0.1
_SOURCE, _DONE = "steps.py", "compiled"


class CannotCompile(RuntimeError):
    """No program can be had here; the message says why."""


def programs_folder() -> Path:
    """Where compiled programs are kept: safe to delete."""
    named = os.environ.get(FOLDER)
    return Path(named) if named else platformdirs.user_cache_path("lazytrain", appauthor=False) / "programs"


def has_compiler() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


def program_folder(text: str) -> Path:
    """The folder of one program. Raises CannotCompile where there is no numba."""
    try:
        made_by = [version("numba"), version("llvmlite"), version("numpy"), sys.version]
    except PackageNotFoundError as error:
        raise CannotCompile("numba isn't installed: pip install numba") from error
    # numba itself asks the processor, and compiles anew for another one.
    return programs_folder() / hashlib.sha256("\n".join([*made_by, text]).encode()).hexdigest()[:24]


def is_compiled(text: str) -> bool:
    """Whether a program is there already. Raises CannotCompile where there is no numba."""
    return (program_folder(text) / _DONE).exists()


def load_program(text: str) -> ModuleType:
    """The program as a module, with its functions `steps` and `predict`; compiled here and now if it isn't yet.

    Raises:
        CannotCompile: there is no numba, it can't compile this, or the folder can't be written.
    """
    folder = program_folder(text)
    try:
        return _load(folder, text)
    except CannotCompile:
        raise
    except Exception:  # noqa: BLE001  what is damaged shows in whatever way: it is made anew, once
        shutil.rmtree(folder, ignore_errors=True)
    try:
        return _load(folder, text)
    except Exception as error:  # numba's own errors have no common class
        raise CannotCompile(f"numba can't compile the steps: {type(error).__name__}: {error}") from error


def compile_apart(text: str, sleep: Callable[[float], Any] = time.sleep) -> Generator[float]:
    """Compile a program in a process of its own; yields the seconds so far, ten times each. Closing it ends that.

    Raises:
        CannotCompile: the process failed.
    """
    folder = program_folder(text)
    _write(folder, text)
    command = python_command("lazytrain.engine.compute.fused.compiling", str(folder))
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=outer_environment()
    )
    began = time.monotonic()
    try:
        while process.poll() is None:
            yield time.monotonic() - began
            sleep(LOOK_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
        _, said = process.communicate()
    if process.returncode:
        last = said.decode(errors="replace").strip().rpartition("\n")[2] or describe_end(process.returncode)
        raise CannotCompile(f"numba can't compile the steps: {last}")


def _write(folder: Path, text: str) -> Path:
    """The program's source, in its folder; whole or not at all."""
    source = folder / _SOURCE
    try:
        if not source.exists() or source.read_text(encoding="utf-8") != text:
            folder.mkdir(parents=True, exist_ok=True)
            half = folder / f"{_SOURCE}.{os.getpid()}.tmp"
            half.write_text(text, encoding="utf-8")
            half.replace(source)
    except OSError as error:
        raise CannotCompile(f"the compiled steps can't be kept in {folder}: {error}") from error
    return source


def _load(folder: Path, text: str | None) -> ModuleType:
    source = folder / _SOURCE if text is None else _write(folder, text)
    spec = importlib.util.spec_from_file_location(f"lazytrain_program_{folder.name}", source)
    if spec is None or spec.loader is None:
        raise CannotCompile(f"{source} can't be loaded")
    module = importlib.util.module_from_spec(spec)
    # numba compiles, or loads, as the functions are defined: their types are given.
    spec.loader.exec_module(module)
    (folder / _DONE).touch()
    return module


def main() -> None:
    """Argument: the folder of a program whose source is written."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    _load(parser.parse_args().folder, None)


if __name__ == "__main__":
    main()
