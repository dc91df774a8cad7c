"""The source of a user's own net, copied beside its weights, so that `load.py` works anywhere."""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path


def find_sources(reference: str, module_folder: Path | None) -> dict[str, Path]:
    """Relative path → file of `package.module:Class` and of every own module that it imports; {} where it isn't found.

    A package comes whole. What is installed isn't copied: it is installed there too, or `load.py` says what is missing.
    """
    found: dict[str, Path] = {}
    seen: set[str] = set()
    waiting = [reference.partition(":")[0].partition(".")[0]]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        # As it is imported for training: the user's folder comes first.
        spec = PathFinder.find_spec(name, [*([str(module_folder)] if module_folder else []), *sys.path])
        for path, file in _files(name, spec):
            found[path] = file
            waiting += _imported(file)
    return found


def _files(name: str, spec: ModuleSpec | None) -> Iterator[tuple[str, Path]]:
    if spec is None or name in sys.stdlib_module_names:
        return
    if spec.submodule_search_locations is None:
        if spec.origin and spec.origin.endswith(".py") and not _installed(Path(spec.origin)):
            yield f"{name}.py", Path(spec.origin)
        return
    for folder in map(Path, spec.submodule_search_locations):
        if not _installed(folder):
            yield from (
                (f"{name}/{file.relative_to(folder).as_posix()}", file) for file in sorted(folder.rglob("*.py"))
            )


def _installed(path: Path) -> bool:
    return any(path.is_relative_to(sysconfig.get_path(kind)) for kind in ("purelib", "platlib", "stdlib"))


def _imported(file: Path) -> list[str]:
    """Top-level names that a file imports."""
    names: list[str] = []
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, OSError):
        return []  # A file of the package that nothing imports: training would have failed by it else.
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                names += [each.name.partition(".")[0] for each in node.names]
            case ast.ImportFrom(level=0, module=str() as module):
                names.append(module.partition(".")[0])
            case _:
                pass
    return names
