"""Commands as presets, and studies of them: what is read, what is refused, and the runs that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lazytrain.presets import load_catalogue
from lazytrain.presets.command import CommandPreset, CommandStudy, expand_commands, fill_preset

STUDY = {"title": "x", "command": "a {lr} {b}", "grid": {"lr": [0.1, 1], "b": ["x y", True]}}


def write(folder: Path, kind: str, text: str) -> None:
    (folder / kind).mkdir(parents=True, exist_ok=True)
    (folder / kind / "mine.toml").write_text(text, encoding="utf-8")


def test_parameters_stay_within_their_word() -> None:
    preset = CommandPreset(
        title="x",
        command="train --lr={lr} 'two words' {{{text}}} --flag {flag}",
        env={"SEED": "s{lr}"},
        parameters={"lr": 0.1, "text": "", "flag": True},
    )
    run = fill_preset(preset, {"text": "a b; $(rm) 'c", "lr": 5})
    assert run.arguments == ("train", "--lr=5", "two words", "{a b; $(rm) 'c}", "--flag", "true")
    assert run.environment == {"SEED": "s5"}
    assert run.config == {"lr": 5, "text": "a b; $(rm) 'c", "flag": True}
    with pytest.raises(ValueError, match="--set: x: no such parameter; there are: lr, text, flag"):
        fill_preset(preset, {"x": 1})
    with pytest.raises(ValueError, match=r"--set: lr = \[1\]: a parameter is a number, a text or a truth value"):
        fill_preset(preset, {"lr": [1]})
    with pytest.raises(ValueError, match="leave out the line break"):
        fill_preset(preset, {"text": "a\nb"})


def test_a_study_is_a_grid_or_a_list() -> None:
    grid = expand_commands(CommandStudy.model_validate(STUDY))
    assert [run.arguments for run in grid] == [
        *[("a", "0.1", "x y"), ("a", "0.1", "true"), ("a", "1", "x y"), ("a", "1", "true")],
    ]
    assert grid[1].label == "lr=0.1 b=true"
    points = CommandStudy.model_validate(
        {"title": "x", "command": ["a {lr} {s}", "b {lr} {s}"], "values": [{"lr": 1}, {"lr": 2}], "set": {"s": "t"}}
    )
    assert [(run.label, run.arguments) for run in expand_commands(points)] == [
        ("1 lr=1", ("a", "1", "t")),
        ("1 lr=2", ("a", "2", "t")),
        ("2 lr=1", ("b", "1", "t")),
        ("2 lr=2", ("b", "2", "t")),
    ]
    seeded = CommandStudy.model_validate(
        {"title": "x", "command": "a {seed} {lr}", "grid": {"lr": [1, 2]}, "seeds": [3]}
    )
    assert [run.label for run in expand_commands(seeded)] == ["lr=1", "lr=2"]
    assert [run.label for run in expand_commands(seeded, 2)] == [
        "lr=1 seed=3",
        "lr=2 seed=3",
        "lr=1 seed=4",
        "lr=2 seed=4",
    ]
    with pytest.raises(ValueError, match=r"--seeds 2: the study has none: write \{seed\} into its command"):
        expand_commands(points, 2)


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("commands", 'title = "x"\ncommand = "a {lr}"', "{lr} has no value: give it one in parameters"),
        (
            "commands",
            'title = "x"\ncommand = "a"\nparameters = { lr = 1 }',
            "parameters.lr: {lr} is nowhere in command",
        ),
        ("commands", 'title = "x"\ncommand = "a \'b"', "command = 'a 'b': no closing quotation: close the quotes"),
        ("commands", 'title = "x"\ncommand = "{a} b"\nparameters = { a = 1 }', "its program can't be a parameter"),
        ("commands", 'title = "x"\ncommand = "a {1}"', "a parameter is a name in braces, such as {lr}"),
        ("commands", 'title = "x"\ncommand = " "', "it names no program"),
        ("commands", 'title = "x"\ncommand = "a"\ncwd = "here"', "cwd = 'here': write the folder in full"),
        ("commands", 'title = "x"\ncommand = "a"\nenv = { "A B" = "1" }', "env.A B: a variable's name has letters"),
        ("commands", 'title = "x"\ncommand = "a"\nneeds = "tpu"', "needs = 'tpu': must be one of 'gpu' or 'cpu'"),
        ("commands", 'title = "x"\ncomand = "a"', "unknown field comand = 'a': did you mean command?"),
        ("commands", 'title = "\\u001b[2J"\ncommand = "a"', "leave out the control character"),
        ("studies", 'title = "x"\ncommand = "a {lr}"\ngrid = { l = [1] }', "grid.l: {l} is nowhere in command or env"),
        ("studies", 'title = "x"\ncommand = "a {l}"\nset = { l = 1 }\ngrid = { l = [1] }', "l is in grid and in set"),
        ("studies", 'title = "x"\ncommand = "a {l}"\nvalues = [{ l = 1 }, { k = 1 }]', "values.2: it has other names"),
        ("studies", 'title = "x"\ncommand = "a {l}"\ngrid = { l = [] }', "grid.l = []: must have at least 1 item"),
        ("studies", 'title = "x"\ncommand = "a"\narchitectures = ["lazynet"]', "unknown field architectures"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_field(tmp_path: Path, kind: str, text: str, told: str) -> None:
    write(tmp_path, kind, text)
    catalogue = load_catalogue(tmp_path)
    found: Any = getattr(catalogue, kind)["mine"]
    assert found.value is None
    assert f"{kind}/mine.toml: " in found.error
    assert told in found.error
    assert not catalogue.command_studies


def test_a_study_of_a_command_stands_apart(tmp_path: Path) -> None:
    write(tmp_path, "studies", 'title = "x"\ncommand = "a {lr}"\ngrid = { lr = [1, 2] }')
    catalogue = load_catalogue(tmp_path)
    assert "mine" not in catalogue.studies
    assert catalogue.command("mine") is catalogue.command_studies["mine"].value
