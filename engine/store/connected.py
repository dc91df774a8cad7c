"""A connection to the run store: opened, opened anew where another file is in its place, rebuilt where it is damaged.

It belongs to the thread that opened it; open another for another thread.
"""

from __future__ import annotations

import contextlib
import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, Concatenate, ParamSpec, Self, TypeVar

from lazytrain.engine.places import store_file
from lazytrain.engine.store.database import StoreDamaged, connect, damage, num_changes
from lazytrain.engine.store.rebuild import (
    NOTICE,
    drop_leftovers,
    identities_beside,
    identity,
    is_lost,
    put_back,
    rebuild,
)

NOTICE_SECONDS = 24 * 3600.0
DELETED_SECONDS = 1.0
"""A store's file that is missing so long in its home was deleted, and is put back."""

R = TypeVar("R", bound="Connected")
P = ParamSpec("P")
T = TypeVar("T")


def mending(method: Callable[Concatenate[R, P], T]) -> Callable[Concatenate[R, P], T]:
    """Have a client's look or wish done again, once, after a store that turns out damaged was rebuilt.

    Every one of them is whole or not at all. Those within another one leave it to that.
    """

    @functools.wraps(method)
    def mended(self: R, *arguments: P.args, **named: P.kwargs) -> T:
        if not self.mends or self.mending:
            return method(self, *arguments, **named)
        self.mending = True
        try:
            return method(self, *arguments, **named)
        except StoreDamaged:
            self.reopen()
            return method(self, *arguments, **named)
        finally:
            self.mending = False

    return mended


class Connected:
    """One connection to the run store in `home`.

    One that is damaged or gone is set aside and rebuilt from the runs' folders; `notice` says so. So is one that is
    damaged while it is open, unless `mends` says that this is somebody else's business.

    Raises:
        StoreError: it can't be opened.
    """

    mends: ClassVar[bool] = True

    def __init__(self, home: Path, *, clock: Callable[[], float] = time.time, make: bool = True) -> None:
        self.home = home
        self.path = store_file(home)
        self.clock = clock
        self.generation = 0
        """Goes up when the store is opened anew: what `notice` says may be new then."""
        self.mending = False
        """Whether a look or wish is at work that mends what it finds damaged."""
        self._seen_version: int | None = None
        self._gone_since: float | None = None
        """When the store's file was first missed, by `time.monotonic`."""
        try:
            if is_lost(self.path):
                raise StoreDamaged("the file is gone", "damaged")
            self._open(make=make)
        except StoreDamaged as found:
            rebuild(self.path, str(found).removeprefix(f"{self.path}: "))
            self._open(make=make)

    def _open(self, *, make: bool = False) -> None:
        before = identity(self.path)
        connection = connect(self.path, make=make)
        found = identity(self.path)
        while before not in (found, None):
            # Another process put a rebuilt one in its place meanwhile: SQLite may have made an empty one in between.
            before = found
            connection.close()
            connection = connect(self.path, make=make)
            found = identity(self.path)
        self.connection, self._file = connection, found
        self._folder, self._beside = identity(self.home), identities_beside(self.path)
        self._seen_version = self._gone_since = None
        self.generation += 1

    def close(self) -> None:
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ── looking ────────────────────────────────────────────────────────────────────────────────────────────

    @mending
    def changed(self) -> bool:
        """Whether another connection wrote since the last call (True the first time). Costs microseconds.

        Another file in the store's place is opened; one that was deleted is put back from what is still open here.
        """
        if self.replaced() or self._put_back_if_deleted():
            self.part()
            old = self.connection
            self._open()
            old.close()
        version = self._data_version()
        changed, self._seen_version = version != self._seen_version, version
        return changed

    def reopen(self) -> None:
        """After StoreDamaged: look at the whole file, and rebuild it from the runs' folders if it is damaged.

        Raises:
            StoreError: that can't be done.
        """
        # Of another file in its place, opening tells.
        found = None if self.replaced() else damage(self.connection)
        old = self.connection
        if found is not None:
            rebuild(self.path, found)
        try:
            self._open()
        except StoreDamaged as also:
            rebuild(self.path, str(also).removeprefix(f"{self.path}: "))
            self._open()
        old.close()

    def replaced(self) -> bool:
        """Whether another file stands in the store's place; `changed` opens that."""
        return identity(self.path) not in (self._file, None)

    def part(self) -> None:
        """Another file stands in the store's place: see that SQLite doesn't mix it with what it kept of this one."""
        if self.replaced():
            drop_leftovers(self.path, self._beside)

    def _put_back_if_deleted(self) -> bool:
        """Whether the store's file was deleted, and is there again.

        Where the whole home is gone it was moved or unmounted, and is waited for.
        """
        if self._file is None or identity(self.path) is not None or identity(self.home) != self._folder:
            self._gone_since = None
            return False
        now = time.monotonic()
        if self._gone_since is None:
            self._gone_since = now
        # Whoever restores a store may move one away and then the other in.
        if now - self._gone_since < DELETED_SECONDS:
            return False
        with contextlib.suppress(OSError):
            put_back(self.path, self.connection)
        return self.replaced()

    @property
    @mending
    def notice(self) -> str | None:
        """What everyone who uses this store should be told: that it was rebuilt within the last day, and why."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (NOTICE,)).fetchone()
        notice = json.loads(row["value"]) if row else {"time": 0.0, "text": ""}
        return notice["text"] if self.clock() - notice["time"] < NOTICE_SECONDS else None

    def _data_version(self) -> int:
        """Another number as soon as another connection has written."""
        return self.connection.execute("PRAGMA data_version").fetchone()[0]

    @mending
    def num_changes(self) -> int:
        """How many transactions changed more than the figures of runs at work, by whichever connection."""
        return num_changes(self.connection)
