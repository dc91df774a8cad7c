"""The board that wishes hang on: a small actor between a driver and its workers.

A worker asks for the next wish, and is answered when there is one; so a wish arrives within milliseconds, and costs
nothing while there is none. What isn't answered tells it that its driver is gone, and then it ends itself: nobody
would keep what it trains. Ray would end it too, but after a lost network only in a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from lazytrain.engine.cluster.messages import Wish

ASK_SECONDS = 2.0
"""The board answers after so long in any case."""
SILENCE_SECONDS = 8.0
"""A driver that wasn't heard of for so long is gone."""
RETRY_SECONDS = 0.5
ORPHANED = 75
"""Exit status of a worker whose driver is gone."""


class Board:
    """The actor. `post` and `beat` are the driver's, `hear` the workers'."""

    def __init__(self) -> None:
        self._wishes: dict[str, Wish] = {}
        self._changed: dict[str, asyncio.Event] = {}
        self._heard = time.monotonic()
        self._asleep = False
        self._name = secrets.token_hex(8)

    async def beat(self, asleep: bool = False) -> str:
        """The driver lives; where it is suspended as a whole, it says no more until it goes on.

        Returns what is another for a board that took this one's place, and knows of no wish.
        """
        self._heard, self._asleep = time.monotonic(), asleep
        return self._name

    async def post(self, run_id: str, wish: Wish | None) -> None:
        """What is wanted of a run; None: nothing any more, it is over."""
        if wish is None:
            self._wishes.pop(run_id, None)
            self._changed.pop(run_id, None)
        elif wish.number > self._wishes.get(run_id, Wish(number=-1)).number:
            self._wishes[run_id] = wish
            self._changed.pop(run_id, asyncio.Event()).set()

    async def hear(self, run_id: str, number: int) -> tuple[Wish | None, float]:
        """The wish after `number`, or None if none came in a while; and for how long the driver was silent."""
        wish = self._wishes.get(run_id)
        if wish is None or wish.number <= number:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.setdefault(run_id, asyncio.Event()).wait(), ASK_SECONDS)
            wish = self._wishes.get(run_id)
        silent = 0.0 if self._asleep else time.monotonic() - self._heard
        return (wish if wish is not None and wish.number > number else None), silent


class Mouth:
    """The driver's: says what it wants of one run. From any thread."""

    def __init__(self, board: Any, run_id: str, wish: Wish) -> None:
        self._board, self._run_id, self._wish = board, run_id, wish
        self._saying = threading.Lock()

    def say(self, **changes: Any) -> None:
        """Change the wish; the worker looks at its next step even where nothing changes."""
        with self._saying:
            self._wish = replace(self._wish, number=self._wish.number + 1, **changes)
            post(self._board, self._run_id, self._wish)

    def repeat(self) -> None:
        """Say it again, to a new board."""
        with self._saying:
            post(self._board, self._run_id, self._wish)

    def hold(self, hold: bool) -> None:
        """Have it hold, or go on; nothing is said where that is known."""
        if hold is not self._wish.hold:
            self.say(hold=hold)

    def add_signal(self, number: int) -> None:
        """One more for a command."""
        with self._saying:
            signals = (*self._wish.signals, number)
            self._wish = replace(self._wish, number=self._wish.number + 1, signals=signals)
            post(self._board, self._run_id, self._wish)

    def close(self) -> None:
        """The run is left."""
        self.say(leave=True)


def post(board: Any, run_id: str, wish: Wish | None) -> None:
    """Put it up, if there is a board: where there is none any more, workers end by themselves."""
    with contextlib.suppress(Exception):  # Ray raises bare ones, and the loss itself is seen where events are awaited
        board.post.remote(run_id, wish)


class Ear:
    """The worker's: a thread that hears, and ends the process when the driver is gone.

    Args:
        heard: called, in that thread, when there is another wish.
        before_end: called, in that thread, before the process is ended.
    """

    def __init__(self, board: Any, run_id: str, wish: Wish, before_end: Callable[[], object] = lambda: None) -> None:
        self.wish = wish
        self.heard: Callable[[], object] = lambda: None
        self._board, self._run_id, self._before_end = board, run_id, before_end
        self._news, self._over = threading.Event(), False
        threading.Thread(target=self._listen, name="lazytrain-ear", daemon=True).start()

    def wait(self, seconds: float | None = None) -> None:
        """Wait for another wish."""
        self._news.wait(seconds)
        self._news.clear()

    def close(self) -> None:
        """The run is over: what becomes of the driver matters no longer."""
        self._over = True

    def _listen(self) -> None:
        import ray

        heard = time.monotonic()
        while not self._over:
            try:
                asked = self._board.hear.remote(self._run_id, self.wish.number)
                wish, silent = ray.get(asked, timeout=SILENCE_SECONDS)
                heard = time.monotonic() - silent
            except Exception:  # noqa: BLE001  whatever keeps the board from answering: it may be started anew
                wish = None
                time.sleep(RETRY_SECONDS)
            if time.monotonic() - heard > SILENCE_SECONDS:
                self._end()
                return
            if wish is not None:
                self.wish = wish
                self._news.set()
                self.heard()

    def _end(self) -> None:
        if not self._over:
            self._before_end()
            os._exit(ORPHANED)


def node_id() -> str:
    """In a worker: Ray's id of its node."""
    import ray

    return ray.get_runtime_context().get_node_id()
