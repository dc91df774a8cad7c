"""Fetches an archive with progress: checked by MD5, unpacked file by file, nothing half-done left behind."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import tarfile
import threading
import urllib.request
import zlib
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from lazytrain.engine.beat import BEAT_SECONDS, Beat
from lazytrain.engine.data.datasets import Archive
from lazytrain.engine.events import Progress
from lazytrain.engine.half_written import sweep_parts

_READ_BYTES = 1 << 20
_SILENT_SECONDS = 20.0
"""A server that sends nothing for this long is given up."""


class FetchFailed(RuntimeError):
    """An archive can't be had; the message says why, in half a sentence."""


def fetch_archive(archive: Archive, data_folder: Path, beat: Beat) -> Generator[Progress, None, Path]:
    """The folder with the archive's files, each checked: from the archive in `data_folder` if it is there, else
    downloaded.

    Raises:
        FetchFailed: no network, no room, or not the archive that it should be.
    """
    there = data_folder / archive.file_name
    part = data_folder / f"{archive.file_name}.{os.getpid()}.part"
    try:
        if there.is_file():
            if (yield from file_md5(there, beat)) != archive.md5:
                raise FetchFailed(f"{there} is damaged (its MD5 is not {archive.md5}): delete it")
            return (yield from _unpack(archive, there, data_folder, beat))
        data_folder.mkdir(parents=True, exist_ok=True)
        sweep_parts(data_folder, f"{archive.file_name}.*.part")
        yield from _download(archive, part)
        return (yield from _unpack(archive, part, data_folder, beat))
    except OSError as error:
        raise FetchFailed(f"can't read and write in {data_folder}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def file_md5(path: Path, beat: Beat) -> Generator[Progress, None, str]:
    """The MD5 of a file, in hexadecimal. Raises OSError."""
    digest = hashlib.md5(usedforsecurity=False)
    total = path.stat().st_size
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            digest.update(data)
            if beat.due():
                yield Progress(phase=f"checking {path.name} (MB)", done=file.tell() // 10**6, total=total // 10**6)
    return digest.hexdigest()


@dataclass(slots=True)
class _Transfer:
    """What the downloading thread and its watcher share."""

    done: int = 0
    total: int = 0
    md5: str = ""
    error: str = ""
    abandoned: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


def _download(archive: Archive, part: Path) -> Generator[Progress, None, None]:
    """Write the archive to `part`. A thread waits for the network, so that this can be abandoned at any time."""
    transfer = _Transfer(total=archive.megabytes * 10**6)
    thread = threading.Thread(target=_transfer, args=(archive.url, part, transfer), name="download", daemon=True)
    thread.start()
    try:
        while not transfer.ended.wait(BEAT_SECONDS):
            yield Progress(
                phase=f"downloading {archive.title} (MB)", done=transfer.done // 10**6, total=transfer.total // 10**6
            )
    finally:
        transfer.abandoned.set()
        # It ends at its next read; one that waits for a silent server ends later, and has nothing left to do.
        thread.join(timeout=BEAT_SECONDS)
    if transfer.error:
        raise FetchFailed(transfer.error)
    if transfer.md5 != archive.md5:
        raise FetchFailed(f"{archive.url} sent something else than the archive ({transfer.done:,} bytes)")


def _transfer(url: str, part: Path, transfer: _Transfer) -> None:
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with urllib.request.urlopen(url, timeout=_SILENT_SECONDS) as response, part.open("wb") as file:
            length = response.headers.get("Content-Length") or ""
            transfer.total = int(length) if length.isdecimal() else transfer.total
            while not transfer.abandoned.is_set() and (data := response.read(_READ_BYTES)):
                file.write(data)
                digest.update(data)
                transfer.done += len(data)
        transfer.md5 = digest.hexdigest()
    except (OSError, ValueError, http.client.HTTPException) as error:  # URLError and time-outs are OSErrors
        transfer.error = f"{url} failed: {getattr(error, 'reason', None) or error}"
    finally:
        if transfer.abandoned.is_set():
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        transfer.ended.set()


def _unpack(archive: Archive, path: Path, data_folder: Path, beat: Beat) -> Generator[Progress, None, Path]:
    """Unpack the archive's files, each whole or not at all."""
    folder = data_folder / archive.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(path, "r:gz") as tar:
            for count, (name, md5) in enumerate(archive.files.items()):
                if beat.due():
                    yield Progress(phase=f"unpacking {archive.title}", done=count, total=len(archive.files))
                member = tar.extractfile(f"{archive.folder}/{name}")
                data = member.read() if member else b""
                if hashlib.md5(data, usedforsecurity=False).hexdigest() != md5:
                    raise FetchFailed(f"{name} in {path} is damaged (its MD5 is not {md5})")
                part = folder / f"{name}.{os.getpid()}.part"
                part.write_bytes(data)
                part.replace(folder / name)
    except (KeyError, EOFError, zlib.error, tarfile.TarError) as error:
        raise FetchFailed(f"{path} is not the archive it should be: {error}") from error
    return folder
