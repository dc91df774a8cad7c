"""torch's libraries are loaded ahead of its import, in a process of their own: this one has torch already."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lazytrain.engine.compute.preload import find_libraries, load_library


def test_libraries_are_found_and_torch_works_after_them() -> None:
    code = (
        "import sys\n"
        "from lazytrain.engine.compute.preload import find_libraries, load_torch\n"
        "assert find_libraries() and 'torch' not in sys.modules\n"
        "torch = load_torch()\n"
        "import lazytrain.engine.run.trainer\n"
        "assert 'torchvision' not in sys.modules, 'its import takes as long again'\n"
        "print(torch.ones(2).sum().item(), load_torch() is torch)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert said.stdout == "2.0 True\n"


def test_what_is_no_library_is_left_to_the_import(tmp_path: Path) -> None:
    broken = tmp_path / "libc10.so"
    broken.write_bytes(b"not a library")
    assert not load_library(broken)
    assert not load_library(tmp_path / "missing.so")
    assert all(path.is_file() for path in find_libraries())
