"""Keys one after the other: the next one comes once all that the one before set off has happened, the focus included.

Textual hands a key to what has the focus at that moment, and goes on; a key that moves the focus does so later, by
messages. Over a slow line several keys come at once: `Tab` and `16` change the field that was to be left. Here a key
that comes while another is under way waits. Keys that come alone, and everything else, go their usual way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from typing import Any

from textual import events
from textual.app import App
from textual.message_pump import MessagePump

MOST_ROUNDS = 10
"""A key that opens a dialog that opens another … is waited for so often."""
PATIENCE_SECONDS = 5.0
"""A widget that takes no message for so long doesn't hold the keys."""


class KeyTurns:
    """The keys of one app. `deliver` is called in the app's own task, for one key at a time."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app
        self._waiting: deque[events.Event] = deque()
        self._under_way: asyncio.Task[None] | None = None
        self._released: events.Event | None = None

    def takes(self, event: events.Event) -> bool:
        """Whether it has to wait: it comes back then, as a message to the app, when it is its turn."""
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            return False
        if event is self._released:
            self._released = None
            return False
        if self._under_way is not None:
            self._waiting.append(event)
            return True
        # It is on its way; what comes after it waits until it has arrived.
        self._under_way = asyncio.create_task(self._follow(list(self._route()), self._state), name="lazytrain-keys")
        return False

    async def _follow(self, route: list[MessagePump], before: object) -> None:
        await self._settle(route, before)
        while self._waiting and self._app.is_running:
            self._released = self._waiting.popleft()
            route, before = list(self._route()), self._state
            if not self._app.post_message(self._released):
                break
            await self._settle(route, before)
        self._under_way = None

    @property
    def _state(self) -> object:
        """What decides who gets the next key."""
        return (self._app.screen, self._app.focused) if self._app.screen_stack else None

    def _route(self) -> Iterator[MessagePump]:
        """Who gets a key, one after the other, unless somebody stops it."""
        if self._app.screen_stack:
            target = self._app.focused or self._app.screen
            yield from (node for node in target.ancestors_with_self if isinstance(node, MessagePump))

    async def _settle(self, route: list[MessagePump], before: object) -> None:
        """Go the key's way behind it, until that changes neither screen nor focus any more."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await _pass(self._app)
                for _ in range(MOST_ROUNDS):
                    for node in route:
                        await _pass(node)
                    after = self._state
                    if after == before:
                        return
                    before, route = after, list(self._route())
        except TimeoutError:
            return


async def _pass(pump: MessagePump) -> None:
    """Wait until it has taken all messages that it has by now."""
    passed = asyncio.Event()
    if pump.call_later(passed.set):
        await passed.wait()
