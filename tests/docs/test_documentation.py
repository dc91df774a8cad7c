"""The README and the pages: every command, preset, setting, key and link in them is one that there is."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import typer
from typer.core import TyperGroup
from typer.models import OptionInfo

from docs.scripts import reference
from docs.scripts.command_tables import commands, parameters
from docs.scripts.key_tables import known_keys
from lazytrain.engine.analysis.queries import parse_query
from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.data.vision.table import SETS
from lazytrain.engine.records import Kind, State
from lazytrain.engine.settings.notices import describe
from lazytrain.engine.settings.settings import Settings, load_settings
from lazytrain.engine.store.store import Store
from lazytrain.presets import load_catalogue
from lazytrain.presets.catalogue import Catalogue, override, parse_setting
from lazytrain.presets.command import expand_commands, fill_preset
from lazytrain.presets.expansion import expand_study
from lazytrain.tui.commands.cli import app
from tests.helpers import ROOT, command_line
from tests.helpers.command_line import Command, finished_run
from tests.helpers.markdown import Page, ShellCommand, find_commands, read_pages

run = command_line.run

PAGES = read_pages(ROOT)
MOST_README_LINES = 150
MOST_FILE_BYTES = 512 * 1024
PLACE = re.compile(r"\A# (?P<path>\S+\.(?:toml|py))\n")
KEY = re.compile(r"[A-Za-z0-9/?<>←→↑↓]|(?:ctrl|shift)\+\S+|space|enter|escape|tab|home|end|page (?:up|down)")
CLASSES = 10
COMPLETION = ("--install-completion", "--show-completion")
STEERED = ("train", "study", "work", "pause", "resume", "stop", "discard", "watch", "import")
"""Verbs whose commands are parsed alone: they train for long, need a run that is being trained, or logs."""


def each_page(*pages: Page) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", pages or PAGES, ids=lambda page: str(page.path))


def page_named(path: str) -> Page:
    return next(page for page in PAGES if str(page.path) == path)


# ── commands ───────────────────────────────────────────────────────────────────────────────────────────────


def all_commands() -> Iterator[tuple[str, ShellCommand]]:
    for page in PAGES:
        for command in page.commands():
            yield str(page.path), command


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The shipped presets and those that the pages show."""
    home = tmp_path_factory.mktemp("home")
    for page in PAGES:
        list(write_blocks(page, home))
    return load_catalogue(home / "presets")


@pytest.mark.parametrize(("page", "shown"), all_commands(), ids=str)
def test_every_command_is_one_that_there_is(page: str, shown: ShellCommand, catalogue: Catalogue) -> None:
    """Its verb, options, presets, fields and filters; a mistake in any is an error of typer or of ours."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    arguments = shown.arguments
    if not arguments:
        return
    if arguments[0].startswith("-"):
        # Not parsed: typer's own would write into the files of a shell.
        assert arguments[0] in {*COMPLETION, *(option for each in group.params for option in each.opts)}, page
        return
    context = group.make_context("lazytrain", list(arguments))
    verb, command, rest = group.resolve_command(context, list(arguments))
    assert command is not None, f"{page}: there is no {verb}"
    given = command.make_context(verb, rest, parent=context).params
    settings = dict(parse_setting(each) for each in given.get("settings") or ())
    match verb:
        case "train" | "queue" if given["architecture"] is None:
            assert "--" in rest, page
        case "train" | "queue" if given["architecture"] in catalogue.commands:
            assert fill_preset(catalogue.commands[given["architecture"]].get(), settings, page)
        case "study" if given["name"] in catalogue.command_studies:
            assert expand_commands(catalogue.command_studies[given["name"]].get())
        case "train" | "queue":
            catalogue.architecture(given["architecture"])
            override(catalogue.hyperparameter_preset(given["hyperparameters"]), settings, page)
        case "study":
            assert expand_study(catalogue, given["name"], settings=settings)
        case "runs":
            parse_query(" ".join(given["words"] or ()))
        case _:
            pass


def test_commands_in_shell_blocks_are_found() -> None:
    assert list(find_commands("pip install . && lazytrain          # or: uv run lazytrain")) == [ShellCommand([])]
    assert list(find_commands("$ lazytrain runs --json | python -c 'x'")) == [ShellCommand(["runs", "--json"])]
    assert list(find_commands('lazytrain note last "a b"; lazytrain doctor --service > here')) == [
        ShellCommand(["note", "last", "a b"]),
        ShellCommand(["doctor", "--service"], "here"),
    ]
    assert len(list(all_commands())) > 30


@each_page()
def test_commands_in_the_text_have_verbs_and_options_that_there_are(page: Page) -> None:
    known = {
        name: {option for each in parameters(function) if isinstance(each.info, OptionInfo) for option in each.options}
        for name, function, _ in commands()
    }
    for code in page.codes:
        if not code.startswith("lazytrain ") or code.startswith("lazytrain -"):
            continue
        verb = code.split()[1]
        assert verb in known, f"`{code}`"
        used = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", code.partition(" -- ")[0]))
        assert used <= known[verb] | {"--help", "--version"}, f"`{code}`"


def test_what_is_cheap_and_harmless_runs_as_it_stands(
    run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after another, as somebody would who tries the pages, after a training of one epoch."""
    monkeypatch.chdir(tmp_path)
    training = ShellCommand(["train", "lazynet", "quick", "--set", "epochs=1"])
    assert training in page_named("docs/command-line.md").commands()
    assert run(*training.arguments).status == 0
    done = 0
    for page, command in all_commands():
        verb = command.arguments[0] if command.arguments else ""
        # What stands after -- is a program of the reader's, and --ray asks for a cluster.
        apart = {"--", "--ray"}.intersection(command.arguments)
        if verb and verb not in STEERED and not verb.startswith("-") and not apart:
            result = run(*command.arguments)
            assert result.status == 0, f"{page}: {command}\n{result.err}"
            if command.output is not None:
                Path(command.output).write_text(result.out, encoding="utf-8")
            done += 1
    assert done > 25


# ── presets, settings, code ────────────────────────────────────────────────────────────────────────────────


def write_blocks(page: Page, home: Path) -> Iterator[Path]:
    """Write the page's blocks of TOML and Python to where their first line says; gives each place after that."""
    for block in page.blocks("toml", "python"):
        found = PLACE.match(block)
        assert found is not None, f"{page.path}: a block begins with where it goes, such as # presets/…\n{block}"
        path = Path(found["path"])
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(block, encoding="utf-8")
        yield path


@each_page(*(page for page in PAGES if list(page.blocks("toml", "python"))))
def test_every_preset_and_setting_loads(page: Page, home: Path) -> None:
    presets: list[Path] = []
    for path in write_blocks(page, home):
        if path == Path("settings.toml"):
            written = tomllib.loads((home / path).read_text(encoding="utf-8"))
            assert load_settings(home).model_fields_set == set(written)
        else:
            presets.append(path)
    # A net's class may stand after the preset that names it.
    catalogue = load_catalogue(home / "presets")
    for path in presets:
        match path.parts:
            case ("presets", "architectures", _):
                net = build_net(
                    catalogue.architecture(path.stem), (3, 32, 32), CLASSES, seed=0, module_folder=home / "presets"
                )
                assert net.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, CLASSES)
            case ("presets", "hyperparameters", _):
                assert catalogue.hyperparameter_preset(path.stem).changed
            case ("presets", "commands", _):
                assert fill_preset(catalogue.commands[path.stem].get())
            case ("presets", "studies", _) if path.stem in catalogue.command_studies:
                assert expand_commands(catalogue.command_studies[path.stem].get())
            case ("presets", "studies", _):
                assert expand_study(catalogue, path.stem)
            case ("presets", name) if name.endswith(".py"):
                compile((home / path).read_text(encoding="utf-8"), str(path), "exec")
            case (name,) if name.endswith(".py"):
                # A script of one's own, as it stands.
                environment = {**os.environ, "LAZYTRAIN_HOME": str(home), "PYTHONPATH": str(ROOT)}
                subprocess.run([sys.executable, str(home / name)], env=environment, check=True, timeout=120)
                with Store(home) as store:
                    assert next((run.kind, run.state) for run in store.runs()) == (Kind.SCRIPT, State.FINISHED)
            case _:
                pytest.fail(f"{page.path}: nothing reads {path}")


def test_every_template_writes_a_report(run: Command, home: Path, tmp_path: Path) -> None:
    finished_run(home)
    blocks = list(page_named("docs/exporting.md").blocks("jinja"))
    assert len(blocks) > 1
    for block in blocks:
        (tmp_path / "mine.md.j2").write_text(block, encoding="utf-8")
        result = run("report", "last", "--template", str(tmp_path / "mine.md.j2"))
        assert result.status == 0, result.err


def test_a_notices_facts_are_those_that_the_page_names(home: Path) -> None:
    facts = describe(finished_run(home), home)
    codes = page_named("docs/overnight.md").codes
    variables = {code for code in codes if code.startswith("LAZYTRAIN_")} - {"LAZYTRAIN_…"}
    assert variables == {f"LAZYTRAIN_{name.upper()}" for name in facts}
    assert set(facts) <= set(codes)


def test_the_sets_of_torchvision_are_those_that_there_are() -> None:
    section = page_named("docs/data.md").text.partition("## torchvision's sets\n")[2].partition("Where a set has")[0]
    named = set(re.findall(r"`([A-Z][\w:-]+)`", section))
    assert named == set(SETS)


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = page_named("docs/architecture.md").text.partition("## Dependencies")[2].partition("\n## ")[0]
    explained = {name for row in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE) for name in row.split(", ")}
    needed = {re.split(r"[^\w-]", each)[0] for each in project["dependencies"]}
    assert needed <= explained


# ── tables that are made from the code ─────────────────────────────────────────────────────────────────────


@each_page(*(page for page in PAGES if reference.BLOCK.search(page.text)))
def test_made_tables_are_as_the_code_has_it(page: Page) -> None:
    assert reference.render(page.text) == page.text, "run: python -m docs.scripts.reference"


def test_every_command_setting_and_field_is_in_a_table() -> None:
    kinds = {found["kind"] for page in PAGES for found in reference.BLOCK.finditer(page.text)}
    assert {"commands", "settings", "hyperparameters", "augmentation", "layers"} <= kinds
    codes = page_named("docs/overnight.md").codes
    assert set(Settings.model_fields) <= set(codes)


def test_a_table_of_something_unknown_is_an_error() -> None:
    with pytest.raises(KeyError):
        reference.render("<!-- generated: nonsense -->\n<!-- end -->")
    with pytest.raises(KeyError):
        reference.render("<!-- generated: keys NoScreen -->\n<!-- end -->")


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────


@each_page()
def test_every_key_is_one_that_a_screen_has(page: Page) -> None:
    by_hand = Page(page.path, reference.BLOCK.sub("", page.text))
    keys = {code for code in by_hand.codes if KEY.fullmatch(code)}
    # Textual's own goes to the next widget.
    assert keys <= known_keys() | {"tab"}


# ── links and files ────────────────────────────────────────────────────────────────────────────────────────


@each_page()
def test_links_and_anchors_lead_somewhere(page: Page) -> None:
    for link in page.links:
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page.path).parent / path if path else ROOT / page.path
        assert target.is_file(), f"{page.path}: {link}"
        if anchor:
            assert anchor in Page(target, target.read_text(encoding="utf-8")).anchors, f"{page.path}: {link}"


def test_every_page_is_in_the_sites_list() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    listed = set(re.findall(r"[\w-]+\.md", str(site["nav"])))
    assert listed == {page.path.name for page in PAGES if page.path.parent.name == "docs"}


def test_the_readme_is_short_and_pictures_are_small() -> None:
    assert len(page_named("README.md").text.splitlines()) <= MOST_README_LINES
    pictures = [*(ROOT / "docs" / "images").iterdir()]
    shown = {Path(link).name for page in PAGES for link in page.links if "images/" in link}
    assert {picture.name for picture in pictures} == shown
    assert all(picture.stat().st_size <= MOST_FILE_BYTES for picture in pictures)


def test_the_two_commands_stand_in_the_readme_as_people_know_them() -> None:
    text = page_named("README.md").text
    assert "pip install . && lazytrain          # or: uv run lazytrain\n" in text
    assert "pip install '.[dev]' && pytest      # or: uv run pytest\n" in text
