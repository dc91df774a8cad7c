"""Images in real pixels where a terminal says that it draws them, and nothing but half blocks anywhere else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from lazytrain.tui.terminal.asking import GRAPHICS_QUERY, NAME_QUERY, Answers, ImageQuestion, in_multiplexer
from lazytrain.tui.terminal.pixels import side_by_side
from lazytrain.tui.widgets.half_blocks import UPPER_HALF
from tests.helpers.image_terminal import (
    GHOSTTY,
    KITTY,
    KONSOLE,
    OLD_KITTY,
    REFUSES,
    SIXEL,
    SIXEL_WITHOUT_SIZE,
    XTERM,
    ImageTerminal,
)
from tests.helpers.learned_app import colours
from tests.helpers.monitor_data import fill
from tests.helpers.terminals import TmuxTerminal, has_tmux, see, wait_for_exit, wait_until

ROOT = Path(__file__).parents[3]
GRAPHICS, SIXELS = b"\x1b_G", b"\x1bP0"

# ── asking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("kitty(0.35.2)", True),
        ("kitty(0.28.0)", True),
        ("kitty(1.0.0)", True),
        ("ghostty 1.1.3", True),
        ("kitty(0.26.5)", False),
        ("Konsole 24.08.3", False),
        ("WezTerm 20240203-110809-5046fc22", False),
        ("tmux 3.4", False),
        ("", False),
    ],
)
def test_only_terminals_that_are_known_to_draw_over_placeholders_do(name: str, places: bool) -> None:
    assert Answers(name=name).places_images is places


class Asked:
    def __init__(self) -> None:
        self.sent: list[str] = []
        self.told = 0
        self.question = ImageQuestion(self.sent.append, self._tell)
        self.question.begin()

    def _tell(self) -> None:
        self.told += 1


def test_an_answer_is_no_typed_text_however_it_is_cut() -> None:
    name, graphics = KITTY[NAME_QUERY], KITTY[GRAPHICS_QUERY]
    typed = f"j{name}k\x1b[A{graphics}\x1b"
    for cut in range(len(typed)):
        if typed[cut - 1 : cut] == "\x1b" and typed[cut] in "P_":
            continue  # an escape alone isn't held back: it is a key
        asked = Asked()
        assert asked.question.take(typed[:cut]) + asked.question.take(typed[cut:]) == "jk\x1b[A\x1b"
        assert asked.sent == [NAME_QUERY, GRAPHICS_QUERY]
        assert asked.told == 1


def test_what_only_looks_like_an_answer_is_typed_text() -> None:
    asked = Asked()
    assert asked.question.take("\x1bP") == ""
    assert asked.question.take("a\x1b_x") == "\x1bPa\x1b_x"
    assert asked.question.take("\x1bP>|" + 300 * "x") == "\x1bP>|" + 300 * "x", "nothing is held back for ever"


@pytest.mark.parametrize("answers", [OLD_KITTY, KONSOLE], ids=["kitty 0.26", "konsole"])
def test_terminals_that_would_answer_yes_and_do_not_mean_it_are_not_asked(answers: Mapping[str, str]) -> None:
    asked = Asked()
    assert asked.question.take(answers[NAME_QUERY]) == ""
    assert asked.sent == [NAME_QUERY]
    assert asked.question.take(answers[GRAPHICS_QUERY]) == ""
    assert not asked.told


def test_a_terminal_may_say_no() -> None:
    asked = Asked()
    asked.question.take(REFUSES[NAME_QUERY] + REFUSES[GRAPHICS_QUERY])
    assert asked.sent == [NAME_QUERY, GRAPHICS_QUERY]
    assert not asked.told


@pytest.mark.parametrize(
    ("environment", "inside"),
    [
        ({"TMUX": "/tmp/tmux-0/default,1,0"}, True),
        ({"STY": "1.pts"}, True),
        ({"TERM": "tmux-256color"}, True),
        ({"TERM": "screen.xterm-256color"}, True),
        ({"TERM": "xterm-kitty", "TMUX": ""}, False),
    ],
)
def test_multiplexers(environment: dict[str, str], inside: bool) -> None:
    assert in_multiplexer(environment) is inside


def test_pixels_stay_squares_and_an_odd_row_leaves_half_a_line() -> None:
    image = side_by_side([(colours(5, 1), (15, 15)), (colours(5, 2), (15, 15))], 16, 8, gap=2)
    assert image.size == ((16 + 2 + 16) * 10, 8 * 20)
    first = colours(5, 1).rgb[:3]
    assert {image.getpixel((x, y)) for x in (0, 29) for y in (0, 29)} == {(*first, 255)}
    transparent = [(155, 5), (170, 5), (5, 155)]
    assert {image.getpixel(place) for place in transparent} == {(0, 0, 0, 0)}


# ── the app ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Place:
    home: Path
    environment: dict[str, str]

    def open(self, answers: Mapping[str, str], **more: str) -> ImageTerminal:
        command = [sys.executable, "-m", "tests.helpers.images_app", str(self.home)]
        return ImageTerminal(command, ROOT, {**self.environment, **more}, answers)

    def set(self, images: str) -> None:
        (self.home / "settings.toml").write_text(f'images = "{images}"\n', encoding="utf-8")


@pytest.fixture
def place(home: Path) -> Place:
    fill(home).journal.close()
    left_out = ("LAZYTRAIN_", "TMUX", "TEXTUAL", "STY", "NO_COLOR", "ZELLIJ")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return Place(home, {**kept, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8"})


def show_mistakes(terminal: ImageTerminal | TmuxTerminal) -> None:
    see(terminal, "CoolNet v10")
    terminal.press("2")
    see(terminal, "epoch 31/50")
    terminal.press("w")
    see(terminal, "classes", "mistakes", "filters")
    terminal.press("m")
    see(terminal, "of 30")


def wait_for_pictures(terminal: ImageTerminal, count: int, what: str = "pictures") -> set[int]:
    wait_until(terminal, lambda: len(terminal.shown()) == count and terminal.whole, what)
    return set(terminal.shown())


@pytest.mark.parametrize("answers", [KITTY, pytest.param(GHOSTTY, marks=pytest.mark.slow)], ids=["kitty", "ghostty"])
def test_real_pixels_come_and_go_with_their_cells(place: Place, answers: Mapping[str, str]) -> None:
    with place.open(answers) as terminal:
        see(terminal, "CoolNet v10")
        assert NAME_QUERY.encode() not in terminal.sent, "nothing is asked before there is an image"
        show_mistakes(terminal)
        first = wait_for_pictures(terminal, 6)
        see(terminal, "1–6 of 30", "airplane")
        assert UPPER_HALF not in terminal.text()
        # A picture is what the half blocks were drawn from: 32 × 32 pixels, each 10 × 10 of the sent ones.
        assert {terminal.images[number].size for number in first} == {(320, 320)}
        terminal.press("down")
        see(terminal, "4–9 of 30")
        second = wait_for_pictures(terminal, 6)
        assert len(first & second) == 3, "what was brought before isn't brought again"
        terminal.press("z")
        wait_until(terminal, lambda: "1–6" not in terminal.text() and "4–9" not in terminal.text(), "smaller pictures")
        wait_until(terminal, lambda: terminal.whole and not second & set(terminal.shown()), "smaller pictures")
        assert set(terminal.images) >= set(terminal.shown())
        assert not second & set(terminal.images), "the larger ones are let go of"
        terminal.press("z", "?")
        see(terminal, "What it has learned")
        terminal.press("escape")
        wait_for_pictures(terminal, 6, "pictures again, after help")
        terminal.resize(80, 24)
        wait_for_pictures(terminal, 2, "pictures in a smaller terminal")
        terminal.resize(120, 40)
        before = wait_for_pictures(terminal, 6, "pictures in a larger terminal")
        terminal.press("\x0c")
        wait_until(terminal, lambda: not before & set(terminal.shown()) and terminal.whole, "them brought anew")
        before = set(terminal.shown())
        terminal.send_signal(signal.SIGSTOP)
        terminal.send_signal(signal.SIGCONT)
        wait_until(terminal, lambda: not before & set(terminal.shown()) and terminal.whole, "them after a stop")
        terminal.press("f")
        see(terminal, "conv 6")
        wait_for_pictures(terminal, 6, "filters")
        terminal.press("escape")
        see(terminal, "epoch 31/50")
        wait_until(terminal, lambda: not terminal.shown() and not terminal.images, "the pictures to be gone")
        terminal.press("w")
        see(terminal, "classes", "mistakes", "filters")
        terminal.press("m")
        wait_for_pictures(terminal, 6, "pictures once more")
        assert terminal.sent.count(NAME_QUERY.encode()) == 1, "it is asked once"
        terminal.press("q")
        assert wait_for_exit(terminal) == 0
        assert terminal.restored
        assert not terminal.images


@pytest.mark.parametrize(
    "answers",
    [{}, *(pytest.param(each, marks=pytest.mark.slow) for each in (XTERM, SIXEL, OLD_KITTY, KONSOLE)), REFUSES],
    ids=["nothing", "xterm", "sixel", "kitty 0.26", "konsole", "refuses"],
)
def test_half_blocks_where_it_does_not_say_that_it_can(place: Place, answers: Mapping[str, str]) -> None:
    with place.open(answers) as terminal:
        show_mistakes(terminal)
        wait_until(terminal, lambda: UPPER_HALF in terminal.text(), "half blocks")
        terminal.press("down")
        see(terminal, "4–9 of 30")
        terminal.press("escape")
        see(terminal, "epoch 31/50")
        assert terminal.sent.count(NAME_QUERY.encode()) == 1
        graphics = terminal.sent.count(GRAPHICS)
        assert graphics == terminal.sent.count(GRAPHICS_QUERY.encode()) == int(answers is REFUSES)
        assert SIXELS not in terminal.sent


@pytest.mark.parametrize(
    "more",
    [{"TMUX": "/tmp/tmux-0/default,1,0"}, pytest.param({"STY": "1.pts"}, marks=pytest.mark.slow), {"NO_COLOR": "1"}],
    ids=["tmux", "screen", "grey"],
)
def test_nothing_is_asked_through_another_program_or_without_colours(place: Place, more: dict[str, str]) -> None:
    with place.open(KITTY, **more) as terminal:
        show_mistakes(terminal)
        wait_until(terminal, lambda: UPPER_HALF in terminal.text(), "half blocks")
        assert NAME_QUERY.encode() not in terminal.sent
        assert GRAPHICS not in terminal.sent


@pytest.mark.parametrize("images", ["blocks", "sixel"])
def test_half_blocks_can_be_asked_for_and_sixels_are_no_business_of_the_app(place: Place, images: str) -> None:
    place.set(images)
    with place.open({**KITTY, **SIXEL}) as terminal:
        show_mistakes(terminal)
        wait_until(terminal, lambda: UPPER_HALF in terminal.text(), "half blocks")
        assert NAME_QUERY.encode() not in terminal.sent
        assert GRAPHICS not in terminal.sent
        assert SIXELS not in terminal.sent


def test_real_pixels_can_be_asked_for(place: Place) -> None:
    place.set("kitty")
    with place.open({}) as terminal:
        show_mistakes(terminal)
        wait_for_pictures(terminal, 6)
        assert NAME_QUERY.encode() not in terminal.sent


@pytest.mark.skipif(not has_tmux(), reason="tmux isn't installed")
def test_in_tmux_there_are_half_blocks_and_the_title_stays(place: Place, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.helpers.images_app", str(place.home)]
    with TmuxTerminal(command, tmp_path, {**place.environment, "COLORTERM": "truecolor"}) as terminal:
        title = terminal._tmux("display-message", "-p", "#{pane_title}")
        show_mistakes(terminal)
        wait_until(terminal, lambda: UPPER_HALF in terminal.text(), "half blocks")
        assert terminal._tmux("display-message", "-p", "#{pane_title}") == title


def wait_for_pictures_through_tmux(terminal: ImageTerminal, count: int) -> None:
    """Where its terminal is slow, tmux drops what it was to hand on: ctrl+l brings that anew."""
    looks = 0

    def holds() -> bool:
        nonlocal looks
        looks += 1
        if looks % 100 == 0:
            terminal.press("\x0c")
        return len(terminal.shown()) == count and terminal.whole

    wait_until(terminal, holds, "pictures through tmux")


@pytest.mark.skipif(not has_tmux(), reason="tmux isn't installed")
def test_asked_for_they_come_through_a_tmux_that_lets_them(place: Place, tmp_path: Path) -> None:
    place.set("kitty")
    settings = ("set -g status off", "set -g allow-passthrough on", 'set -as terminal-features ",*:RGB"')
    (tmp_path / "tmux.conf").write_text("\n".join(settings))
    tmux = ("tmux", "-u", "-S", str(tmp_path / "tmux"))
    app = f"{sys.executable} -m tests.helpers.images_app {place.home}"
    command = [*tmux, "-f", str(tmp_path / "tmux.conf"), "new-session", app]
    try:
        with ImageTerminal(command, ROOT, place.environment, {}, controlling=True) as terminal:
            show_mistakes(terminal)
            wait_for_pictures_through_tmux(terminal, 6)
            terminal.press("down")
            see(terminal, "4–9 of 30")
            wait_for_pictures_through_tmux(terminal, 6)
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False)


# ── the command ────────────────────────────────────────────────────────────────────────────────────────────────────


def printing(place: Place, answers: Mapping[str, str], wanted: str = "auto", **more: str) -> ImageTerminal:
    command = [sys.executable, "-m", "tests.helpers.images_command", wanted, "60" if answers in (KITTY, SIXEL) else "1"]
    terminal = ImageTerminal(command, ROOT, {**place.environment, **more}, answers, controlling=True)
    see(terminal, "that is all", "airplane", "→ cat", "99.9 %")
    assert wait_for_exit(terminal) == 0
    assert terminal.restored
    assert "62;" not in terminal.text(), "no answer is left for the shell"
    return terminal


def test_the_command_prints_real_pixels(place: Place) -> None:
    with printing(place, KITTY) as terminal:
        assert terminal.whole
        assert terminal.placed == dict.fromkeys(terminal.shown(), (100, 16))
        assert len(terminal.placed) == 1, "a row's images are one"
        assert UPPER_HALF not in terminal.text()


@pytest.mark.parametrize("wanted", ["auto", "sixel"])
def test_the_command_prints_sixels(place: Place, wanted: str) -> None:
    with printing(place, SIXEL, wanted) as terminal:
        # Cells of 12 × 24 pixels where the terminal says so; those of a VT340 where nobody asks it.
        size = b"384;384" if wanted == "auto" else b"320;320"
        assert terminal.sent.count(SIXELS) == 3
        assert terminal.sent.count(b'"1;1;' + size) == 3
        assert GRAPHICS not in terminal.sent
        assert UPPER_HALF not in terminal.text()


@pytest.mark.parametrize(
    ("answers", "wanted", "more"),
    [
        ({}, "auto", {}),
        (XTERM, "auto", {}),
        (SIXEL_WITHOUT_SIZE, "auto", {}),
        (OLD_KITTY, "auto", {}),
        (KONSOLE, "auto", {}),
        ({**KITTY, **SIXEL}, "blocks", {}),
        ({**KITTY, **SIXEL}, "auto", {"TMUX": "/tmp/tmux-0/default,1,0"}),
    ],
    ids=["nothing", "xterm", "sixel, size unknown", "kitty 0.26", "konsole", "asked for", "tmux"],
)
def test_the_command_prints_half_blocks_anywhere_else(
    place: Place, answers: Mapping[str, str], wanted: str, more: dict[str, str]
) -> None:
    with printing(place, answers, wanted, **more) as terminal:
        assert UPPER_HALF in terminal.text()
        assert GRAPHICS not in terminal.sent
        assert SIXELS not in terminal.sent
        if more or wanted == "blocks":
            assert NAME_QUERY.encode() not in terminal.sent


def test_what_was_typed_before_is_the_shells(place: Place) -> None:
    command = [
        "/bin/sh",
        "-c",
        'echo ready; read -r _; "$0" -m tests.helpers.images_command auto; read -r next; echo "($next)"',
    ]
    with ImageTerminal([*command, sys.executable], ROOT, place.environment, KITTY, controlling=True) as terminal:
        see(terminal, "ready")
        terminal.press("\rls\r")
        see(terminal, "that is all", "(ls)")
        assert NAME_QUERY.encode() not in terminal.sent
        assert UPPER_HALF in terminal.text()
