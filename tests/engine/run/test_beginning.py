"""A run goes on with the data and the net that it was begun with, or it says what differs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from lazytrain.engine.analysis.identity import freeze, module_sources
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.datasets import describe_dataset
from lazytrain.engine.data.origin import NAME
from lazytrain.engine.records import Run, State
from lazytrain.presets import Architecture, Hyperparameters
from tests.helpers.bench import CATALOGUE, Bench, wait_for
from tests.helpers.image_folders import image_bytes, make_folder, random_pixels


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "pets", {"cat": 12, "dog": 8}, {"cat": 5, "dog": 5})


def queue(bench: Bench, pets: Path, architecture: Architecture | None = None, epochs: int = 40_000) -> Run:
    """A run on `pets`, with its digests, as commands and Launch queue it."""
    values = Hyperparameters(dataset=f"folder:{pets}", image_size=8, epochs=epochs, batch_size=4)
    net = architecture or CATALOGUE.architecture("lazynet")
    configuration = RunConfiguration(architecture_name="net", architecture=net, hyperparameters=values, device="cpu")
    facts = describe_dataset(values.dataset, pets, pets, 8)
    return bench.store.add_run(freeze(configuration, facts, bench.home / "presets"))


def begin_and_stop(bench: Bench, run: Run) -> None:
    # In the process that a run of a user's own net has.
    runner = bench.runner(in_job=True)
    wait_for(lambda: bench.step(run) >= 30, "step 30")
    bench.store.stop(run.id)
    runner.nudge()
    bench.reaches(run, State.STOPPED)


def refusal(bench: Bench, run: Run) -> str:
    """Why it isn't resumed; nothing that it had is lost."""
    step = bench.step(run)
    bench.store.resume(run.id)
    bench.reaches(run, State.FAILED)
    assert bench.step(run) == step
    return bench.store.run(run.id).error or ""


def exchange(pets: Path) -> None:
    for split in ("train", "test"):
        (pets / split / "dog").rename(pets / split / "ant")


def remove(pets: Path) -> None:
    for number in (3, 5, 7):
        (pets / "train" / "cat" / f"{number:04}.png").unlink()


def add(pets: Path) -> None:
    (pets / "test" / "dog" / "new.png").write_bytes(image_bytes(99))


def change(pets: Path) -> None:
    (pets / "train" / "dog" / "0001.png").write_bytes(image_bytes(99, 16))


def repaint(pets: Path) -> None:
    """Other pixels in a file of the same size."""
    place = pets / "train" / "dog" / "0000.bmp"
    assert place.stat().st_size
    Image.fromarray(random_pixels(98)).save(place)


def add_class(pets: Path) -> None:
    for split in ("train", "test"):
        shutil.copytree(pets / split / "cat", pets / split / "eel")
        (pets / split / "eel" / "more.png").write_bytes(image_bytes(97))


def remove_class(pets: Path) -> None:
    for split in ("train", "test"):
        (pets / split / "dog").rename(pets / f"{split}-dog")
        (pets / split / "eel").mkdir()
        (pets / split / "eel" / "x.png").write_bytes(image_bytes(97))


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (exchange, "class 'dog' is 'ant' now"),
        (remove, "removed: 3 (train/cat/0003.png, train/cat/0005.png, …)"),
        (add, "added: 1 (test/dog/new.png)"),
        (change, "changed: 1 (train/dog/0001.png)"),
        (repaint, "changed, of the same size: 1 (train/dog/0000.bmp)"),
        (add_class, "with the new class 'eel'"),
        (remove_class, "without the class 'dog'; with the new class 'eel'"),
    ],
)
def test_other_data_are_refused_with_what_differs(
    bench: Bench, pets: Path, alter: Callable[[Path], None], said: str
) -> None:
    Image.fromarray(random_pixels(90)).save(pets / "train" / "dog" / "0000.bmp")
    run = queue(bench, pets)
    begin_and_stop(bench, run)
    alter(pets)
    told = refusal(bench, run)
    assert f"aren't those that it was begun with: {said}" in told
    assert "Put back what it was begun with and resume it, or train anew" in told


def test_put_back_it_goes_on(bench: Bench, pets: Path, tmp_path: Path) -> None:
    shutil.copytree(pets, tmp_path / "kept")  # written at other times
    run = queue(bench, pets, epochs=200)
    begin_and_stop(bench, run)
    remove(pets)
    assert "removed: 3" in refusal(bench, run)
    shutil.rmtree(pets)
    (tmp_path / "kept").rename(pets)
    bench.store.resume(run.id)
    bench.reaches(run, State.FINISHED)
    undisturbed = queue(bench, pets, epochs=200)
    bench.reaches(undisturbed, State.FINISHED)
    assert bench.result(run) == bench.result(undisturbed)


def test_a_run_that_an_older_lazytrain_began_goes_on_by_its_rules(bench: Bench, pets: Path) -> None:
    run = queue(bench, pets)
    begin_and_stop(bench, run)
    (bench.store.run_folder(run.id) / NAME).unlink()
    Image.fromarray(random_pixels(98)).save(pets / "train" / "dog" / "later.tif")  # not looked at then
    runner_step = bench.step(run)
    bench.store.resume(run.id)
    wait_for(lambda: bench.step(run) > runner_step, "steps after the resume")
    bench.store.stop(run.id)
    bench.reaches(run, State.STOPPED)
    (bench.store.run_folder(run.id) / NAME).unlink()
    remove(pets)
    assert "were changed since it was queued" in refusal(bench, run)


def test_data_changed_before_the_begin_are_told_and_count(bench: Bench, pets: Path) -> None:
    run = queue(bench, pets, epochs=1)
    remove(pets)
    bench.train()
    assert bench.state(run) is State.FINISHED
    told = bench.texts(run)
    assert "were changed since it was queued: it is trained on what is there now" in told
    now = describe_dataset(f"folder:{pets}", pets, pets, 8).digest
    assert bench.store.configuration(run.id).data_digest == now


def test_a_net_whose_source_changed_is_refused(bench: Bench, pets: Path) -> None:
    folder = bench.home / "presets"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lazytrain_test_helper.py").write_text("WIDTH = 192\n")
    (folder / "lazytrain_test_begun.py").write_text(
        "from torch import nn\nfrom lazytrain_test_helper import WIDTH\n\n\nclass Net(nn.Sequential):\n"
        "    def __init__(self, num_classes):\n        super().__init__(nn.Flatten(), nn.Linear(WIDTH, num_classes))\n"
    )
    reference = "lazytrain_test_begun:Net"
    assert list(module_sources(reference, folder)) == ["lazytrain_test_begun.py", "lazytrain_test_helper.py"]
    run = queue(bench, pets, Architecture(title="mine", module=reference))
    begin_and_stop(bench, run)
    (folder / "lazytrain_test_helper.py").write_text("WIDTH = 192  # as before\n")
    told = refusal(bench, run)
    assert f"the source of {reference} isn't what it was begun with: changed: 1 (lazytrain_test_helper.py)" in told
