"""Fetches a set of torchvision's, with progress: checked by torchvision, whole or not at all, abandoned at any time.

torchvision downloads in a process of its own (`download` says why), into a folder beside the others in the data
folder; what it has unpacked is moved to where torchvision looks once all of it is there.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from lazytrain.engine.beat import BEAT_SECONDS
from lazytrain.engine.child_process import python_command
from lazytrain.engine.data.vision.vision_set import VisionSet
from lazytrain.engine.events import Progress

_ABANDONED_SECONDS = 24 * 3600.0
"""A download to which nothing was written for so long has died."""


class FetchFailed(RuntimeError):
    """A set can't be had; the message says why, in half a sentence."""


def fetch_set(vision_set: VisionSet, data_folder: Path) -> Generator[Progress, None, None]:
    """Have the set in `data_folder`: unpacked from archives that are there, the rest downloaded.

    Files of the set that are there are replaced, once the new ones are whole. Archives that it downloaded are deleted
    when they are unpacked; those that were there stay.

    Raises:
        FetchFailed: no network, no room, or not the archive that it should be.
    """
    part = data_folder / f".{vision_set.name.replace(':', '-')}-{secrets.token_hex(4)}.part"
    try:
        part.mkdir(parents=True)
        _sweep(data_folder)
        lent = _lend(vision_set, data_folder, part)
        yield from _download(vision_set, part, lent, data_folder)
        for archive in vision_set.archives:
            if archive not in vision_set.files:
                (part / archive).unlink(missing_ok=True)
        _move(part, data_folder)
    except (OSError, shutil.Error) as error:
        raise FetchFailed(
            f"can't read and write in {data_folder}: {getattr(error, 'strerror', '') or error}"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sweep(data_folder: Path) -> None:
    """Delete what a process that died left, a day ago or longer."""
    for part in data_folder.glob(".*.part"):
        with contextlib.suppress(OSError):  # another process may sweep as well
            written = max(each.stat().st_mtime for each in (part, *part.rglob("*")))
            if time.time() - written > _ABANDONED_SECONDS:
                shutil.rmtree(part, ignore_errors=True)


def _lend(vision_set: VisionSet, data_folder: Path, part: Path) -> list[str]:
    """Copy the archives that somebody put there; their names. Copies, since torchvision writes over damaged ones."""
    there = [archive for archive in vision_set.archives if (data_folder / archive).is_file()]
    for archive in there:
        (part / archive).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data_folder / archive, part / archive)
    return there


@dataclass(slots=True)
class _Transfer:
    """What the process has said."""

    url: str = ""
    whole: bool = False
    """Whether the file at that address has come, and is checked or unpacked now."""
    done: int = 0
    """Bytes that have come."""
    error: str = ""
    lent: str = ""
    """The name of a lent archive that is damaged."""
    disk: bool = False
    ended: threading.Event = field(default_factory=threading.Event)

    def listen(self, process: subprocess.Popen[bytes]) -> None:
        """Take in what it says until it ends."""
        try:
            for line in process.stdout or ():
                report = json.loads(line)
                self.url = report.get("url", self.url)
                self.whole = report.get("whole", False)
                self.done = report.get("done", self.done)
                self.error = report.get("error", "")
                self.lent = report.get("lent", "")
                self.disk = report.get("disk", False)
        finally:
            if process.wait() and not self.error:
                self.error = f"the process that downloads ended with status {process.returncode}"
            self.ended.set()


def _download(vision_set: VisionSet, part: Path, lent: list[str], data_folder: Path) -> Generator[Progress, None, None]:
    names = {Path(archive).name: data_folder / archive for archive in lent}
    order = {
        "class": vision_set.class_name,
        "parts": list(vision_set.parts),
        "root": str(part),
        "lent": list(names),
    }
    # In a session of its own: what Ctrl-C means, and a hang-up, this process says.
    process = subprocess.Popen(
        python_command("lazytrain.engine.data.vision.download", json.dumps(order)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    transfer = _Transfer()
    listener = threading.Thread(target=transfer.listen, args=(process,), name="download", daemon=True)
    listener.start()
    try:
        while not transfer.ended.wait(BEAT_SECONDS):
            if transfer.whole or (lent and not transfer.url):
                yield Progress(phase=f"unpacking {vision_set.name}", done=0, total=0)
                continue
            # What comes by another way than urllib's, as from Google Drive, is seen as it grows.
            done = (transfer.done if transfer.url else _size(part)) // 10**6
            yield Progress(
                phase=f"downloading {vision_set.name} (MB)", done=done, total=max(done, vision_set.megabytes or 0)
            )
    finally:
        process.kill()
        listener.join()
        if process.stdout is not None:
            process.stdout.close()
    if transfer.lent:
        raise FetchFailed(f"{names[transfer.lent]} is damaged (its MD5 is not torchvision's): delete it")
    if transfer.disk:
        raise FetchFailed(f"can't read and write in {data_folder}: {transfer.error}")
    if transfer.error:
        raise FetchFailed(transfer.error)


def _size(folder: Path) -> int:
    """Bytes in it."""
    with contextlib.suppress(OSError):  # files come and go
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return 0


def _move(source: Path, target: Path) -> None:
    """Move all that is in `source` into `target`: a folder that isn't there at once, else file by file."""
    for entry in sorted(source.iterdir()):
        there = target / entry.name
        if entry.is_dir() and there.is_dir():
            _move(entry, there)
        else:
            entry.replace(there)
