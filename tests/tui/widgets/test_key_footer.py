"""The keys at the bottom: whole ones, as many as have room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets._footer import FooterKey

from lazytrain.tui.widgets.key_footer import KeyFooter
from tests.helpers.command_line import finished_run
from tests.helpers.launch_app import started, until


def shown(pilot: Pilot[Any]) -> list[str]:
    footer = pilot.app.screen.query_one(KeyFooter)
    assert all(key.region.right <= pilot.app.size.width for key in footer.query(FooterKey)), "none is cut"
    return [key.description for key in footer.query(FooterKey)]


async def test_in_a_narrow_terminal_keys_are_left_out_from_the_end_but_not_help(home: Path) -> None:
    finished_run(home)
    async with started(home, size=(60, 16)) as (_, pilot):
        for keys in ("1", "2", "3", "M", "1"):
            await pilot.press(keys)
            await until(pilot, lambda: "help" in shown(pilot))
            assert shown(pilot)[-1] == "help" or "quit" in shown(pilot)
        assert "quit" not in shown(pilot)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: shown(pilot)[-2:] == ["help", "quit"])
