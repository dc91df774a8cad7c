"""torch imported in a thread without stalling the others.

Python holds its lock while it loads an extension module's shared libraries: a fifth of a second of torch's import, and
seconds where they come from a cold disk. A foreign call releases the lock, so they are loaded by one beforehand.
"""

from __future__ import annotations

import ctypes
import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

LIBRARIES = ("libc10", "libtorch_cpu", "libtorch", "libtorch_python")
"""In the order in which they need each other."""


def load_torch() -> ModuleType:
    """Import torch, its libraries first; returns it. Raises ImportError as `import torch` does."""
    if "torch" not in sys.modules:
        for path in find_libraries():
            load_library(path)
    return import_module("torch")


def find_libraries() -> list[Path]:
    """torch's large shared libraries, found without importing it; empty where they are called otherwise."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return []
    folder = Path(spec.origin).parent / "lib"
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    return [path for name in LIBRARIES if (path := folder / f"{name}{suffix}").is_file()]


def load_library(path: Path) -> bool:
    """Load a shared library with Python's lock released; whether it worked. The import finds it loaded."""
    if os.name != "posix":
        return False
    # ctypes.CDLL(path) would hold the lock; calling the C function through it doesn't.
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    return dlopen(os.fsencode(path), os.RTLD_LAZY) is not None
