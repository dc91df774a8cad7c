"""A log of ten thousand lines: wrapped, scrolled, and never longer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from lazytrain.engine.records import Message
from lazytrain.tui.widgets.log_lines import MOST_LINES, LogLines, wrap


def message(number: int, text: str, level: str = "stdout") -> Message:
    return Message(id=number, run_id="x", time=0.0, level=level, text=text)


@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=200), st.integers(2, 40))
def test_lines_have_room_and_nothing_is_lost(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(cell_len(line.rstrip()) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


class LogApp(App[None]):
    def compose(self) -> ComposeResult:
        yield LogLines("nothing yet", id="panel")


async def test_the_newest_are_kept_and_the_end_stays_in_view() -> None:
    async with LogApp().run_test(size=(60, 10)) as pilot:
        lines = pilot.app.query_one(LogLines)

        def seen() -> list[str]:
            return [lines.render_line(y).text.rstrip() for y in range(lines.size.height)]

        assert seen()[0] == "nothing yet"
        lines.add(message(number, f"line {number} " + "word " * 20) for number in range(MOST_LINES))
        await pilot.pause()
        assert f"line {MOST_LINES - 1}" in "\n".join(seen())
        lines.add([message(MOST_LINES, "\x1b[2Jone more", "stderr")])
        await pilot.pause()
        assert seen()[-1].endswith("┆ [2Jone more")
        assert "line 0 " not in lines.text
        assert "line 1 " in lines.text
        lines.scroll_to(y=100, animate=False)
        await pilot.pause()
        lines.add([message(MOST_LINES + 1, "not in view")])
        await pilot.pause()
        assert "not in view" not in "\n".join(seen())
        rows = lines.virtual_size.height
        await pilot.resize_terminal(120, 10)
        await pilot.pause()
        assert lines.virtual_size.height < rows
