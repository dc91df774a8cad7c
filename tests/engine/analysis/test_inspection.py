"""Looking into trained nets: what is found, in a process of its own, and the sentences where nothing can be."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lazytrain.engine.analysis.findings import Filters, FirstLook, Inspection, InspectionError
from lazytrain.engine.analysis.identity import digest_module
from lazytrain.engine.analysis.inspection import MOST_PIXELS, draw_filters, inspect_run, load_weights, to_raster
from lazytrain.engine.analysis.inspection_process import Inspector
from lazytrain.engine.compute.architecture import build_net
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.loading import Dataset
from lazytrain.engine.events import Progress
from lazytrain.engine.places import module_folder
from lazytrain.engine.queue.runner import Runner
from lazytrain.engine.records import State
from lazytrain.engine.store.checkpoint import load_newest, save_checkpoint
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import Store
from lazytrain.presets import Architecture, Hyperparameters, load_catalogue
from tests.helpers import ROOT
from tests.helpers.nets import small_dataset

MODULE = """
import torch.nn as nn

class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        print("a user's net may print")
        self.last = nn.Linear(8, num_classes)
        self.first = nn.Conv2d(3, 8, WIDTH)

    def forward(self, images):
        return self.last(self.first(images).relu().mean((2, 3)))
"""


def configuration(architecture: str | Architecture, **values: object) -> RunConfiguration:
    named = isinstance(architecture, str)
    settings = {"dataset": "digits", "epochs": 2, "batch_size": 64, **values}
    return RunConfiguration(
        architecture_name=architecture if isinstance(architecture, str) else "mine",
        architecture=load_catalogue().architecture(architecture) if isinstance(architecture, str) else architecture,
        hyperparameters_name="default" if named else "mine",
        hyperparameters=Hyperparameters.model_validate(settings),
    )


def write_module(home: Path, width: int) -> None:
    module_folder(home).mkdir(parents=True, exist_ok=True)
    (module_folder(home) / "looked_into.py").write_text(MODULE.replace("WIDTH", str(width)))


MINE = Architecture(title="mine", module="looked_into:Net")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with three nets that learned the digits: `lazy`, `cool` and `mine`."""
    home = tmp_path_factory.mktemp("trained") / "home"
    write_module(home, 3)
    digest = digest_module("looked_into:Net", module_folder(home))
    own = configuration(MINE, epochs=1).model_copy(update={"module_digest": digest})
    with Store(home) as store:
        store.add_run(configuration("lazynet"), "lazy")
        store.add_run(configuration("coolnet-v10", loss="mse"), "cool")
        store.add_run(own, "mine")
    runner = Runner(home, home / "data", until_empty=True, in_job=True)
    runner.start()
    runner.join()
    with Store(home) as store:
        assert [run.state for run in store.runs()] == [State.FINISHED] * 3, [run.error for run in store.runs()]
    return home


@pytest.fixture
def copied(trained: Path, tmp_path: Path) -> Path:
    """One of its own, to spoil."""
    return Path(shutil.copytree(trained, tmp_path / "copied"))


def inspect(home: Path, name: str, *, best: bool = False, num_mistakes: int = 5) -> tuple[list[Progress], Inspection]:
    """Where it said it stands, and what was found."""
    with Store(home) as store:
        run_id = store.find(name).id
    steps = inspect_run(home, home / "data", run_id, best=best, num_mistakes=num_mistakes)
    said: list[Progress] = []
    while True:
        try:
            step = next(steps)
            if isinstance(step, Progress):
                said.append(step)
        except StopIteration as end:
            return said, end.value


def lend_checkpoint(home: Path, name: str, to: RunConfiguration) -> str:
    """A run whose checkpoints are another's; returns its name."""
    with Journal(home) as journal:
        made = journal.add_run(to, f"{name}'s weights")
        source = journal.run_folder(journal.find(name).id) / "checkpoints"
        shutil.copytree(source, journal.run_folder(made.id) / "checkpoints")
        return made.name


# ── what is found ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "best", "layer"),
    [("lazy", False, "linear 10"), ("lazy", True, "linear 10"), ("cool", False, "conv 6 · 5×5")],
)
def test_finds_what_the_training_saw(trained: Path, name: str, best: bool, layer: str) -> None:
    said, found = inspect(trained, name, best=best)
    with Store(trained) as store:
        run = store.find(name)
        epoch = run.best_epoch if best else run.epoch
        assert found.confusion == store.confusions(run.id)[epoch or 0]
    assert found.weights == (f"epoch {epoch}, the best" if best else "epoch 2")
    assert said[-1] == Progress(phase="evaluating", done=found.confusion.num_images, total=found.confusion.num_images)
    assert [each.done for each in said] == sorted(each.done for each in said)
    sure = [each.confidence for each in found.mistakes]
    assert len(sure) == 5
    assert sure == sorted(sure, reverse=True)
    assert 0 <= sure[-1] <= sure[0] <= 1
    for each in found.mistakes:
        assert each.true != each.predicted
        assert found.confusion.counts[each.true][each.predicted] > 0
        assert (each.image.width, each.image.height, len(each.image.rgb)) == (32, 32, 3072)
    assert found.filters is not None
    assert found.filters.layer == layer
    if layer == "linear 10":
        assert found.filters.names == found.confusion.classes, "the rows of the only layer are the classes"
        assert found.filters.images[0].width == 32
    else:
        assert found.filters.names == ("1", "2", "3", "4", "5", "6")
        assert found.filters.images[0].width == 5


def test_a_users_net_is_seen_in_the_order_it_is_used(trained: Path) -> None:
    _, found = inspect(trained, "mine")
    assert found.filters is not None
    assert found.filters.layer == "conv 8 · 3×3", "not the layer that was made first"


def test_it_can_be_left(trained: Path) -> None:
    with Store(trained) as store:
        steps = inspect_run(trained, trained / "data", store.find("cool").id)
    assert isinstance(next(steps), Progress)
    steps.close()


def test_what_needs_no_evaluation_comes_before_it(trained: Path) -> None:
    with Store(trained) as store:
        steps = inspect_run(trained, trained / "data", store.find("cool").id)
    before = list(iter(lambda: next(steps), Progress(phase="evaluating", done=0, total=355)))
    look = before[-1]
    assert isinstance(look, FirstLook)
    assert not any(each.phase == "evaluating" for each in before if isinstance(each, Progress))
    assert FirstLook.from_record(json.loads(json.dumps(look.to_record()))) == look
    steps.close()
    _, found = inspect(trained, "cool")
    assert (found.weights, found.filters) == (look.weights, look.filters)


# ── the first layer ────────────────────────────────────────────────────────────────────────────────────────────────


class Seeing(nn.Module):
    """Passes on what it is given through layers of its own."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def drawn(*layers: nn.Module, dataset: Dataset | None = None) -> Filters | str:
    return draw_filters(Seeing(*layers).eval(), dataset or small_dataset())


def test_filters_of_other_first_layers() -> None:
    halved = drawn(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(48, 5))
    assert isinstance(halved, Filters)
    assert (halved.images[0].width, halved.names) == (4, ("1", "2", "3", "4", "5"))
    grouped = drawn(nn.BatchNorm2d(3), nn.Conv2d(3, 6, 3, groups=3))
    assert isinstance(grouped, Filters)
    assert len(grouped.images) == 6
    assert drawn(nn.Flatten()) == "this net has no convolution and no linear layer to draw"
    assert drawn(nn.Flatten(), nn.Unflatten(1, (12, 4, 4)), nn.Conv2d(12, 7, 1)) == (
        "the first layer (conv 7 · 1×1) sees 12 channels, not colours: nothing to draw"
    )
    assert drawn(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)) == (
        "the first layer (linear 2) sees 3 values, not an image: nothing to draw"
    )


def test_filters_are_grey_at_zero_and_scaled_each_by_itself() -> None:
    layer = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1e-6, 0, -1e-6], [5.0, -5.0, 0], [float("nan"), 0, 0]])[:, :, None, None])
    found = drawn(layer)
    assert isinstance(found, Filters)
    assert [list(image.rgb) for image in found.images] == [[255, 128, 0], [255, 0, 128], [128, 128, 128]]


def test_large_images_are_made_smaller() -> None:
    image = to_raster(torch.full((3, 256, 128), 7, dtype=torch.uint8))
    assert (image.width, image.height, set(image.rgb)) == (MOST_PIXELS // 2, MOST_PIXELS, {7})


# ── what goes wrong ────────────────────────────────────────────────────────────────────────────────────────────────


def refusal(home: Path, name: str, *, best: bool = False) -> str:
    with pytest.raises(InspectionError) as raised:
        inspect(home, name, best=best)
    return str(raised.value)


def test_without_a_checkpoint(home: Path) -> None:
    with Journal(home) as journal:
        run = journal.add_run(configuration("lazynet"), "lazy")
        assert refusal(home, "lazy") == "lazy is queued: there is nothing to see before it was trained"
        journal.claim(run.id)
        assert refusal(home, "lazy").startswith("lazy has no checkpoint yet")
        journal.end(run.id, State.FAILED, error="a test")
        assert refusal(home, "lazy") == "lazy ended before its first checkpoint: resume it to train it again"


def test_before_the_first_evaluation_nothing_is_best(copied: Path) -> None:
    with Store(copied) as store:
        folder = store.run_folder(store.find("lazy").id) / "checkpoints"
        run = store.find("lazy")
    for path in folder.glob("best-*"):
        path.unlink()
    assert refusal(copied, "lazy", best=True).endswith("; those of the newest checkpoint can")
    snapshot, _ = load_newest(folder)
    assert snapshot is not None
    assert load_weights(folder, run, best=False)[1] == "epoch 2"


def test_a_damaged_checkpoint_is_left_where_it_is(copied: Path) -> None:
    with Store(copied) as store:
        folder = store.run_folder(store.find("lazy").id) / "checkpoints"
    paths = list(folder.glob("step-*"))
    for path in paths:
        path.write_bytes(path.read_bytes()[:-9])
    assert refusal(copied, "lazy").endswith("damaged (its hash doesn't match)")
    assert list(folder.glob("step-*")) == paths


def test_images_that_are_gone(copied: Path) -> None:
    name = lend_checkpoint(copied, "lazy", configuration("lazynet", dataset="cifar10"))
    assert refusal(copied, name).startswith(f"its images are gone: cifar10 is not in {copied / 'data'} any more")
    name = lend_checkpoint(copied, "cool", configuration("lazynet", dataset="folder:/nowhere"))
    assert refusal(copied, name).startswith("its images can't be had: no folder /nowhere")


def test_weights_that_do_not_fit(copied: Path) -> None:
    name = lend_checkpoint(copied, "lazy", configuration("coolnet-v10"))
    assert refusal(copied, name).startswith("its weights don't fit the net that this version")


def test_a_users_net_that_was_changed(copied: Path) -> None:
    write_module(copied, 5)
    shutil.rmtree(module_folder(copied) / "__pycache__", ignore_errors=True)
    sys.modules.pop("looked_into", None)
    assert refusal(copied, "mine") == (
        "its weights don't fit the net any more: looked_into:Net was changed since the run was queued; "
        "put that source back, or train it again"
    )
    sys.modules.pop("looked_into", None)
    (module_folder(copied) / "looked_into.py").unlink()
    shutil.rmtree(module_folder(copied) / "__pycache__", ignore_errors=True)
    said = refusal(copied, "mine")
    assert said.startswith("its net can't be made any more: module = 'looked_into:Net'")
    assert said.endswith("; put the source of looked_into:Net back as it was trained")


def test_other_data_than_it_was_trained_on(copied: Path) -> None:
    three = Architecture.model_validate({"title": "three", "layers": []})
    net = build_net(three, (3, 32, 32), 3, seed=0)
    name = lend_checkpoint(copied, "lazy", configuration(three))
    with Store(copied) as store:
        folder = store.run_folder(store.find(name).id) / "checkpoints"
    snapshot, _ = load_newest(folder)
    assert snapshot is not None
    save_checkpoint(folder, {**snapshot, "net": net.state_dict()})
    assert refusal(copied, name) == (
        "its weights don't fit the images any more: it was trained on 3 classes, and digits has 10 now; "
        "put the data back, or train it again"
    )


# ── in a process of its own ────────────────────────────────────────────────────────────────────────────────────────


def test_a_process_finds_the_same(trained: Path) -> None:
    sys.modules.pop("looked_into", None)
    _, found = inspect(trained, "mine", num_mistakes=48)
    with Store(trained) as store:
        inspector = Inspector(trained, trained / "data", store.find("mine").id)
    inspector.wait()
    assert inspector.error is None
    assert inspector.result == found, "and what the user's net prints is no answer"
    inspector.stop()
    assert inspector.result == found


def test_a_process_tells_what_is_wrong(home: Path) -> None:
    with Store(home) as store:
        run = store.add_run(configuration("lazynet"), "lazy")
    inspector = Inspector(home, home / "data", run.id)
    inspector.wait()
    assert inspector.error == "lazy is queued: there is nothing to see before it was trained"


def test_a_process_is_left_at_once(trained: Path) -> None:
    with Store(trained) as store:
        run_id = store.find("cool").id
    inspector = Inspector(trained, trained / "data", run_id)
    inspector.stop()
    inspector.wait()
    assert (inspector.result, inspector.error, inspector.done) == (None, None, False)
    killed = Inspector(trained, trained / "data", run_id)
    killed._process.kill()
    killed.wait()
    assert killed.error is not None
    assert "ended without an answer" in killed.error


def test_a_process_ends_with_the_one_that_started_it(trained: Path) -> None:
    with Store(trained) as store:
        run_id = store.find("cool").id
    arguments = [run_id, "--home", str(trained), "--data", str(trained / "data")]
    ended = subprocess.run(
        [sys.executable, "-m", "lazytrain.engine.analysis.inspection_process", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, b"")


@pytest.mark.parametrize("layers", [(nn.Conv2d(3, 6, 3),), (nn.Flatten(), nn.Linear(192, 5))], ids=["conv", "linear"])
def test_filters_of_grey_images_are_grey(layers: tuple[nn.Module, ...]) -> None:
    dataset = small_dataset()
    coloured = drawn(*layers, dataset=dataset)
    dataset.test.images[:] = dataset.test.images[:, :1].clone()
    grey = drawn(*layers, dataset=dataset)
    assert isinstance(grey, Filters)
    assert isinstance(coloured, Filters)

    def has_colours(found: Filters) -> bool:
        return any(image.rgb[0::3] != image.rgb[1::3] for image in found.images)

    assert has_colours(coloured)
    assert not has_colours(grey)
