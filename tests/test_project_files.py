"""What the project's own files say of it is so: paths, names, versions, the changelog of a release."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from importlib.machinery import SourceFileLoader
from types import ModuleType

import pytest

from tests.helpers import ROOT

GUIDES = ("CONTRIBUTING.md", "AGENTS.md")
OUTSIDE = ("tui/", "engine/", "presets/", "tests/", "benchmarks/", "docs/", "lazytrain/", ".ci/")
"""Beginnings of what is a path in the repository."""


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def code(text: str) -> list[str]:
    """What stands between backticks, and the lines of code blocks."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    return [*re.findall(r"`([^`\n]+)`", rest), *(line for block in blocks for line in block.splitlines())]


@pytest.fixture(scope="module")
def release() -> ModuleType:
    loader = SourceFileLoader("release_notes", str(ROOT / ".ci" / "release_notes.py"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


@pytest.mark.parametrize("guide", GUIDES)
def test_every_path_that_a_guide_names_is_there(guide: str) -> None:
    words = [word.strip(",;:()'\"") for piece in code(read(guide)) for word in piece.split()]
    paths = {word for word in words if word.startswith(OUTSIDE) and "…" not in word}
    assert len(paths) > 1
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("guide", GUIDES)
def test_every_module_that_a_guide_starts_is_there(guide: str) -> None:
    modules = set(re.findall(r"python -m ((?:lazytrain|tests|benchmarks)[\w.]*)", read(guide)))
    assert modules
    assert [name for name in sorted(modules) if importlib.util.find_spec(name) is None] == []


def test_every_name_that_contributing_gives_to_a_place_in_the_code_is_in_a_file_beside_it() -> None:
    for step in re.split(r"\n(?=\d\. |## |- )", read("CONTRIBUTING.md")):
        sources = [ROOT / path for path in code(step) if path.endswith(".py") and (ROOT / path).is_file()]
        names = [name for name in code(step) if re.fullmatch(r"_?[A-Za-z]+(_\w+)*(\.\w+)?", name)]
        names = [name for name in names if name.startswith("_") or name.isupper() or name[0].isupper() or "_" in name]
        text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
        known = {"CSS_PATH", "ModalScreen", "Screen", "Binding", "ValueError", "weights_sha256"}
        missing = [name for name in names if sources and name.split(".")[-1] not in text and name not in known]
        assert missing == [], step


def test_the_agents_guide_is_a_page() -> None:
    assert len(read("AGENTS.md").splitlines()) <= 60


def test_versions_agree() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert re.search(rf"^version: {re.escape(version)}$", read("CITATION.cff"), re.MULTILINE)
    assert re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", read("CHANGELOG.md"), re.MULTILINE)


def test_the_changelog_begins_with_what_is_not_released() -> None:
    titles = re.findall(r"^## \[(.+?)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert titles[0] == "Unreleased"
    kinds = set(re.findall(r"^### (.+)$", read("CHANGELOG.md"), re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_a_release_has_its_section_of_the_changelog(release: ModuleType) -> None:
    later, first = "## [0.2.0] - 2027-01-02\n\n### Added\n\n- A.\n\n", "## [0.1.0] - 2026-11-25\n- B.\n"
    changelog = f"# Changelog\n\n## [Unreleased]\n\n{later}{first}"
    assert release.release_notes("v0.2.0", changelog, "0.2.0") == "### Added\n\n- A.\n"
    assert release.release_notes("v0.1.0", changelog, "0.1.0") == "- B.\n"
    with pytest.raises(ValueError, match=r"the tag is v0\.3\.0, but pyproject\.toml has version 0\.2\.0"):
        release.release_notes("v0.3.0", changelog, "0.2.0")
    with pytest.raises(ValueError, match=r"nothing under '## \[0\.3\.0\]'"):
        release.release_notes("v0.3.0", changelog, "0.3.0")


def test_ci_runs_on_every_python_that_the_project_names() -> None:
    workflow = read(".github/workflows/ci.yml")
    least = tomllib.loads(read("pyproject.toml"))["project"]["requires-python"]
    assert least == ">=3.11"
    assert all(f'"{version}"' in workflow for version in ("3.11", "3.12", "3.13"))
    assert ".ci/run" in workflow
