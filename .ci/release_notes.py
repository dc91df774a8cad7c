"""`python .ci/release_notes.py v0.2.0`: a version's section of the changelog, if tag and project agree on it."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def release_notes(tag: str, changelog: str, version: str) -> str:
    """The section of `version` without its heading.

    Raises:
        ValueError: the tag names another version, or the changelog has no section of it or nothing in it.
    """
    if tag != f"v{version}":
        raise ValueError(f"the tag is {tag}, but pyproject.toml has version {version}: tag v{version}, or change it")
    found = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |^\[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    if found is None or not found[1].strip():
        raise ValueError(f"CHANGELOG.md has nothing under '## [{version}]': give Unreleased that number and a date")
    return found[1].strip() + "\n"


def main() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        notes = release_notes(sys.argv[1], (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    except ValueError as error:
        sys.exit(f"release_notes: {error}")
    sys.stdout.write(notes)


if __name__ == "__main__":
    main()
