"""`lazytrain doctor`: what it finds here, for a person with a question or for a bug report."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from rich.console import Console

from lazytrain.engine.data.datasets import DatasetError, are_there, describe_dataset
from lazytrain.engine.data.vision.table import SETS
from lazytrain.engine.places import module_folder, settings_path
from lazytrain.engine.records import RAY
from lazytrain.engine.settings.live import LiveSettings
from lazytrain.engine.settings.recipients import INSTALL, has_apprise, masked
from lazytrain.engine.settings.settings import SettingsError, load_settings
from lazytrain.engine.store.database import StoreError
from lazytrain.engine.store.store import Store
from lazytrain.presets import PresetError, load_catalogue
from lazytrain.tui.plain.overview import broken_presets, find_misfits
from lazytrain.tui.plain.printed_images import can_draw, choose_way
from lazytrain.tui.plain.service import logout_warning
from lazytrain.tui.replaced.parts import SWITCH, complaints, left_out
from lazytrain.tui.state.configure import FOLDER
from lazytrain.tui.state.environment import Places
from lazytrain.tui.words.text import format_count

Finding = tuple[str, str]
"""What was looked at, and what was found."""

PACKAGES = (
    *("lazytrain", "torch", "torchvision", "numpy", "scikit-learn", "textual", "rich", "plotext", "pydantic"),
    *("typer", "platformdirs", "psutil", "textual-image"),
)


BROKEN = "broken"
"""What a finding is called that is about a file of the user's that can't be used."""


def examine(
    places: Places, device: str = "auto", environment: Mapping[str, str] = os.environ, cluster: str | None = None
) -> dict[str, list[Finding]]:
    """Findings by section. Imports torch; changes nothing, and needs no network but for the nodes of a `cluster`."""
    return {
        "versions": list(_versions()),
        **({} if cluster is None else {"cluster": list(_cluster(cluster))}),
        "device": list(_device(device)),
        "data": list(_data(places)),
        "presets": list(_presets(places)),
        "settings": list(_settings(places)),
        "terminal": list(_terminal(places, environment)),
        "store": list(_store(places)),
    }


def print_findings(findings: Mapping[str, list[Finding]], console: Console) -> None:
    """Sections with aligned names."""
    for section, lines in findings.items():
        console.print(section, style="bold")
        for name, value in lines:
            console.print(f"  {name:<18} {value}", soft_wrap=True)


CPU_WHEEL = "pip install torch torchvision --index-url https://download.pytorch.org/whl/cpu"
"""Torch for machines without a GPU: on Linux, PyPI's own comes with all of CUDA."""


def _cluster(address: str) -> Iterator[Finding]:
    """The nodes of a Ray cluster: what each has, and what differs from here. Raises ClusterError."""
    from lazytrain.engine.cluster.nodes import Cluster, Share, describe_nodes

    cluster = Cluster(address, Share())
    cluster.join()
    try:
        nodes = cluster.nodes()
        yield "ray", describe_nodes(nodes, cluster.free())
        for node in nodes:
            has = Share(cpus=node.cpus, gpus=node.gpus)
            found = cluster.versions([node]).get(node.name, {"gone": "it died"})
            yield node.name, f"{has}; {', '.join(f'{what} {version}' for what, version in found.items())}"
        wrong, minor = cluster.differences(nodes)
        for text in wrong:
            yield BROKEN, f"{text}: nothing is trained on this cluster before that is the same"
        for text in minor:
            yield "differs", f"⚠ {text}: a run that goes on there may differ in the last bits"
    finally:
        cluster.leave()


def has_broken(findings: Mapping[str, list[Finding]]) -> bool:
    """Whether a file of the user's can't be used."""
    return any(name == BROKEN for lines in findings.values() for name, _ in lines)


def _versions() -> Iterator[Finding]:
    yield "python", f"{platform.python_version()} ({sys.executable})"
    yield "system", f"{platform.system()} {platform.release()}, {platform.machine()}"
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            yield package, "not installed" + (": run from its sources" if package == "lazytrain" else "")


def _device(asked: str) -> Iterator[Finding]:
    import torch

    from lazytrain.engine.compute.device import DeviceError, available_devices, choose_device

    try:
        choice = choose_device(asked)
        yield "chosen", f"{choice.device} ({choice.name}): {choice.reason}"
    except DeviceError as error:
        yield "chosen", f"none: {error}"
    yield "there is", ", ".join(available_devices())
    if sys.platform == "linux" and torch.version.cuda is not None and not torch.cuda.is_available():
        yield (
            "torch",
            f"⚠ built for CUDA {torch.version.cuda}, some 5 GB that nothing here can use: if this machine has no GPU, "
            f"`{CPU_WHEEL}` before lazytrain takes 0.7 GB",
        )
    yield "cores", f"{os.cpu_count()} ({psutil.cpu_count(logical=False) or 'unknown'} physical)"
    yield "threads", f"torch would take {torch.get_num_threads()}; a run takes what its `threads` says, 1 by default"
    yield (
        "memory",
        f"{psutil.virtual_memory().total / 2**30:.1f} GiB, {psutil.virtual_memory().available / 2**30:.1f} GiB free",
    )


def _data(places: Places) -> Iterator[Finding]:
    yield "folder", _folder(places.data)
    for dataset in ("cifar10", "digits", *_image_folders(places)):
        try:
            facts = describe_dataset(dataset, places.data, places.cache)
        except DatasetError as error:
            yield dataset, str(error)
        else:
            counts = f"{format_count(facts.num_train)} training and {format_count(facts.num_test)} test images"
            yield dataset, f"{facts.source}: {'; '.join((counts, *facts.notes))}"
    here = [name for name in SETS if are_there(SETS[name], places.data)]
    there = f"of which here: {', '.join(here)}" if here else "none of them here yet"
    yield "torchvision", f"{len(SETS)} sets, {there}"


def _image_folders(places: Places) -> list[str]:
    """The folders of images that presets name, and those of runs that are there still."""
    named = set[str]()
    for preset in load_catalogue(places.presets).hyperparameters.values():
        with contextlib.suppress(PresetError):  # a broken one is told among the presets
            named.add(preset.get().values.dataset)
    trained = set[str]()
    if (places.home / "store.sqlite3").exists():
        with contextlib.suppress(StoreError), Store(places.home) as store:  # the store's own section tells it
            trained = {run.dataset for run in store.runs() if run.dataset.startswith(FOLDER)}
    there = {each for each in trained if (places.data / Path(each.removeprefix(FOLDER)).expanduser()).is_dir()}
    return sorted({each for each in named if each.startswith(FOLDER)} | there)


def _presets(places: Places) -> Iterator[Finding]:
    catalogue = load_catalogue(places.presets)
    yield "folder", _folder(places.presets)
    kinds = (
        *(catalogue.architectures, catalogue.hyperparameters, catalogue.studies),
        *(catalogue.commands, catalogue.command_studies),
    )
    yours = sum(preset.origin == "yours" for kind in kinds for preset in kind.values())
    yield "found", f"{sum(map(len, kinds))}, of which {yours} yours"
    for error in broken_presets(catalogue):
        yield BROKEN, error
    for misfit in find_misfits(catalogue, module_folder(places.home)).values():
        yield "not built", f"⚠ {misfit}"


def _settings(places: Places) -> Iterator[Finding]:
    path = settings_path(places.home)
    yield "file", str(path) if path.exists() else f"{path} (not there yet: the defaults count)"
    try:
        settings = load_settings(places.home)
    except SettingsError as error:
        yield BROKEN, str(error)
        return
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        mark = "" if name in settings.model_fields_set else "  (default)"
        yield name, f"{_written(value)}{mark}"
    if settings.notify and not has_apprise():
        yield "notify", f"⚠ nobody is told, since apprise isn't installed: `{INSTALL}` brings it"


def _written(value: object) -> str:
    """A setting as it stands in the file, without the keys that addresses hold."""
    match value:
        case None:
            return "not set"
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(map(_written, value))}]"
        case int() | float():
            return str(value)
        case _:
            return f'"{masked(str(value))}"'


def _describe_images(places: Places) -> str:
    """How `lazytrain mistakes` draws images here; the terminal is asked."""
    wanted = LiveSettings(places.home)().images
    console = Console()
    if not can_draw(console):
        return "none: they need a terminal with 256 colours"
    way = choose_way(console, wanted)
    if way.kind == "kitty":
        return "real pixels (Kitty's protocol)"
    return "real pixels (Sixel); half blocks in the screen" if way.kind == "sixel" else "half blocks"


def _terminal(places: Places, environment: Mapping[str, str]) -> Iterator[Finding]:
    interactive = [
        name
        for name, stream in (("stdin", sys.stdin), ("stdout", sys.stdout), ("stderr", sys.stderr))
        if stream.isatty()
    ]
    yield "terminal", ", ".join(interactive) or "none: the screen can't be shown here"
    size = shutil.get_terminal_size((0, 0))
    yield "size", f"{size.columns} × {size.lines}" if size.columns else "unknown"
    yield "TERM", environment.get("TERM", "not set")
    yield "colours", Console().color_system or "none"
    if "NO_COLOR" in environment:
        yield "NO_COLOR", "set: no colours"
    encoding = sys.stderr.encoding or "unknown"
    yield "encoding", encoding + ("" if "utf" in encoding.lower() else ": braille and glyphs can't be shown")
    multiplexer = "tmux" if "TMUX" in environment else "screen" if "STY" in environment else "none"
    yield "multiplexer", multiplexer + (", over SSH" if "SSH_CONNECTION" in environment else "")
    yield "images", _describe_images(places)
    try:
        parts = left_out(environment)
    except ValueError as error:
        yield "left out", f"⚠ {error}"
    else:
        if parts:
            yield "left out", f"{', '.join(sorted(parts))} ({SWITCH})"
    for complaint in complaints():
        yield "replaced", f"⚠ {complaint}"
    warning = logout_warning()
    if warning is not None:
        yield "logout", f"⚠ {warning}"


def _store(places: Places) -> Iterator[Finding]:
    yield "home", _folder(places.home)
    if not (places.home / "store.sqlite3").exists():
        yield "store", "not there yet: the first run makes it"
        return
    try:
        store = Store(places.home)
    except StoreError as error:
        yield BROKEN, str(error)
        return
    with store:
        # What was written last lies beside the store until SQLite moves it in.
        size = sum(path.stat().st_size for path in places.home.glob(f"{store.path.name}*"))
        yield "store", f"{store.path}, {size / 1024:,.0f} KiB"
        yield "journal mode", str(store.connection.execute("PRAGMA journal_mode").fetchone()[0])
        states = Counter(run.state.value for run in store.runs())
        counts = ", ".join(f"{count} {state}" for state, count in states.items())
        yield "runs", f"{states.total()}" + (f" ({counts})" if counts else "")
        active = [run for run in store.runs() if run.state.active]
        runners = store.runners()
        if not runners:
            yield "trains now", "nothing"
        for runner in runners:
            # A run says on what it is trained, as soon as it is known, and not by whom.
            busy = any(run.device is None or run.may_be_of(runner.device) for run in active)
            does = "trains now" if busy else "waits for runs"
            device = f"ray, {runner.device_name}" if runner.device == RAY else runner.device
            yield does, f"{device}: {runner.command}, process {runner.pid} on {runner.host}"


def _folder(path: Path) -> str:
    if not path.exists():
        return f"{path} (not there yet)"
    return f"{path} ({shutil.disk_usage(path).free / 2**30:.1f} GiB free)"
