"""The board between a driver and its workers, without Ray."""

from __future__ import annotations

import asyncio

import pytest

from lazytrain.engine.cluster import board
from lazytrain.engine.cluster.board import Board
from lazytrain.engine.cluster.messages import Wish


async def test_a_wish_is_heard_when_it_is_posted() -> None:
    there = Board()
    asked = asyncio.create_task(there.hear("run", 0))
    await asyncio.sleep(0)
    await there.post("another", Wish(number=9))
    assert not asked.done()
    await there.post("run", Wish(number=1, hold=True))
    wish, _, _ = await asked
    assert wish == Wish(number=1, hold=True)
    # What is told already isn't told again; an older one that comes late changes nothing.
    await there.post("run", Wish(number=3))
    await there.post("run", Wish(number=2, leave=True))
    assert (await there.hear("run", 1))[0] == Wish(number=3)


async def test_without_a_wish_it_tells_of_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "ASK_SECONDS", 0.0)
    now = 0.0
    monkeypatch.setattr(board.time, "monotonic", lambda: now)
    there = Board()
    name = await there.beat(pace=0.5)
    now = 7.0
    assert await there.hear("run", 0) == (None, 7.0, 0.5)
    # A driver that is suspended says nothing, and lives.
    assert await there.beat(asleep=True) == name
    now = 100.0
    assert (await there.hear("run", 0))[1] == 0.0
    assert await Board().beat() != name, "one in its place is known by another name"
