"""`lazytrain doctor`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.helpers import command_line
from tests.helpers.command_line import Command, finished_run
from tests.helpers.image_folders import make_folder

run = command_line.run


def test_doctor_says_what_it_finds(run: Command, home: Path) -> None:
    shown = run("doctor")
    assert shown.status == 0
    for words in ("torch", "textual", "chosen", "threads", "bundled with scikit-learn", "TERM", "not there yet"):
        assert words in shown.out
    assert not (home / "store.sqlite3").exists(), "looking makes no store"
    finished_run(home)
    found = json.loads(run("doctor", "--json").out)
    assert found["store"]["runs"] == "1 (1 finished)"
    assert "is not here" in json.loads(run("doctor", "--json", "--device", "abacus").out)["device"]["chosen"]


def test_doctor_counts_what_is_left_out_of_the_folders_that_presets_name(
    run: Command, home: Path, tmp_path: Path
) -> None:
    pets = make_folder(tmp_path / "pets", {"cat": 2, "dog": 2}, {"cat": 1, "dog": 1})
    for name in ("a.heic", "b.heic", "c.heic"):
        (pets / "train" / "cat" / name).touch()
    presets = home / "presets" / "hyperparameters"
    presets.mkdir(parents=True)
    (presets / "pets.toml").write_text(f'title = "pets"\nabout = "Pets."\ndataset = "folder:{pets}"\n')
    found = json.loads(run("doctor", "--json").out)["data"][f"folder:{pets}"]
    assert found.startswith(f"{pets}: 4 training and 2 test images; left out")
    assert "3 (train/cat/a.heic, train/cat/b.heic, …)" in found


def test_doctor_ends_with_1_for_settings_that_cannot_be_used(run: Command, home: Path) -> None:
    assert run("doctor").status == 0
    home.mkdir()
    (home / "settings.toml").write_text("redraws = 'fast'\n", encoding="utf-8")
    refused = run("doctor")
    assert refused.status == 1
    assert f"{home / 'settings.toml'}" in refused.out
    assert "redraws" in refused.out


def test_doctor_and_presets_say_which_of_ones_own_nets_cannot_be_built(run: Command, home: Path) -> None:
    nets = home / "presets" / "architectures"
    nets.mkdir(parents=True)
    pools = ", ".join(["{ maxpool = 2 }"] * 6)
    sources = {
        "absent": 'module = "no_such_module:Net"',
        "unknown": 'torchvision = "resnet19"',
        "small": f"layers = [{pools}]",
        "sound": 'torchvision = "resnet18"',
    }
    for name, source in sources.items():
        (nets / f"{name}.toml").write_text(f'title = "{name}"\n{source}\n')
    shown = run("presets").out
    for name, word in (("absent", "no_such_module"), ("unknown", "resnet19"), ("small", "layer 6")):
        (line,) = [each for each in shown.splitlines() if each.startswith("not built:") and f"{name}.toml" in each]
        assert word in line
    record = json.loads(run("presets", "--json").out)["architectures"]
    assert {each["name"] for each in record if each["misfit"]} == {"absent", "unknown", "small"}
    (nets / "absent.toml").unlink()  # a module of one's own is tried in a process each time
    doctor = run("doctor").out
    assert doctor.count("not built") == 2
    assert "sound.toml" not in doctor


def test_doctor_says_settings_as_they_are_written_in_the_file(run: Command, home: Path) -> None:
    home.mkdir()
    (home / "settings.toml").write_text("stop_grace_seconds = 2.5\nnotify_bell = true\n", encoding="utf-8")
    (_, *lines) = run("doctor").out.partition("\nsettings\n")[2].partition("\nterminal\n")[0].splitlines()
    said = dict(line.split(maxsplit=1) for line in lines)
    assert said["stop_grace_seconds"] == "2.5"
    assert said["notify_bell"] == "true"
    assert said["nice"] == "10  (default)"
    assert said["images"] == '"auto"  (default)'
