"""A net that writes wherever it can, under the real screen: not a cell changes, and its run's log has every word."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lazytrain.engine.records import State
from lazytrain.presets import Architecture
from tests.helpers.bench import configuration
from tests.helpers.leaving import House, wait_for
from tests.helpers.terminals import PtyTerminal, see, wait_for_exit, wait_until

NET = r"""
import ctypes, os, subprocess, sys, warnings
from torch import nn
libc = ctypes.CDLL(None)
class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.linear = nn.Linear(3072, num_classes)
        self.calls = 0
        os.write(1, b"\x1b[2J\x1b[Hzzz written as it is made\n")
    def forward(self, images):
        self.calls += 1
        if self.calls == 1:
            os.write(2, b"zzz to descriptor 2\n")
            libc.puts(b"zzz by the C library")
            libc.fflush(None)
            print("zzz by print", flush=True)
            sys.stdout.buffer.write(b"zzz by the buffer\n")
            sys.stdout.flush()
            print("zzz by print to stderr", file=sys.stderr)
            warnings.warn("zzz by warnings")
            subprocess.run(["sh", "-c", "echo zzz by a child; echo zzz by its stderr >&2; cat; tty"])
            try:
                input()
            except EOFError:
                print("zzz no keys for a net")
        return self.linear(images.flatten(1))
"""
SAID = ["written as it is made", "to descriptor 2", "by the C library", "by print", "by the buffer"]
SAID += ["by print to stderr", "by a child", "by its stderr", "no keys for a net"]


@pytest.fixture
def house(home: Path, tmp_path: Path) -> Iterator[House]:
    presets = home / "presets" / "architectures"
    presets.mkdir(parents=True)
    (presets.parent / "lazytrain_test_loud.py").write_text(NET, encoding="utf-8")
    (presets / "aloud.toml").write_text('title = "aloud"\nmodule = "lazytrain_test_loud:Net"\n', encoding="utf-8")
    with House(home, tmp_path) as house:
        yield house


def queue_loud(house: House) -> None:
    net = Architecture(title="aloud", module="lazytrain_test_loud:Net")
    house.store.add_run(configuration(net, epochs=20_000))


def check_said(house: House) -> None:
    wait_for(lambda: any("zzz no keys" in message.text for message in house.store.messages()), "the last word")
    texts = [message.text for message in house.store.messages(house.store.find("last").id)]
    for said in SAID:
        assert f"printed: zzz {said}" in texts
    assert any("UserWarning: zzz by warnings" in text for text in texts)
    assert any("not a tty" in text for text in texts)


def test_what_a_net_prints_is_in_its_log_and_never_on_the_screen(house: House) -> None:
    queue_loud(house)
    with house.open() as terminal:
        see(terminal, "1 Launch")
        house.wait(State.RUNNING, 0, terminal)
        check_said(house)
        text = terminal.text()
        assert "1 Launch" in text
        assert "zzz" not in text
        terminal.press("2", "l")
        see(terminal, "Log of", "printed: zzz to descriptor 2")
        terminal.press("escape")
        wait_until(terminal, lambda: "Log of" not in terminal.text(), "the log to close")
        end(terminal, "down")
        assert terminal.restored


def end(terminal: PtyTerminal, *keys: str) -> None:
    terminal.press("q")
    see(terminal, "leave lazytrain?")
    terminal.press(*keys, "enter")
    assert wait_for_exit(terminal) == 0


def test_launch_looks_at_a_net_without_a_word_on_the_screen(house: House) -> None:
    with house.open() as terminal:
        see(terminal, "1 Launch", "aloud", "measured")
        while "aloud ×" not in terminal.text():
            terminal.press("end")
            terminal.rest()
        see(terminal, "aloud ×", "30,730", "measured")
        assert "zzz" not in terminal.text()
        terminal.press("q")
        assert wait_for_exit(terminal) == 0
    log = house.home / "lazytrain.log"
    assert not log.exists() or "zzz" not in log.read_text()


@pytest.mark.slow
def test_after_a_hang_up_the_log_has_words_and_no_escape_codes(house: House) -> None:
    queue_loud(house)
    with house.open() as terminal:
        see(terminal, "1 Launch")
        before = house.wait(State.RUNNING, 0, terminal)
        terminal.hang_up()
        house.wait(State.RUNNING, before.step + 1)
        wait_for(lambda: "goes on without" in log_of(house), "it to go on")
        check_said(house)
        assert "\x1b" not in log_of(house)


def log_of(house: House) -> str:
    path = house.home / "lazytrain.log"
    return path.read_text() if path.exists() else ""


def test_a_crash_is_told_where_the_screen_was(house: House) -> None:
    queue_loud(house)
    with house.open() as terminal:
        see(terminal, "1 Launch")
        house.wait(State.RUNNING, 0, terminal)
        trainer = house.trainer()
        assert trainer.ppid() == terminal.pid
        trainer.send_signal(signal.SIGABRT)
        assert wait_for_exit(terminal) == 128 + signal.SIGABRT
        see_after(terminal, "lazytrain ended at once (Aborted)", "from its last checkpoint")
        assert terminal.restored


def see_after(terminal: PtyTerminal, *words: str) -> None:
    wait_for(lambda: all(word in terminal.text() for word in words), f"{words} after the end")


def test_an_exception_of_the_screen_is_told_where_it_was(house: House, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import os, sys, threading\n"
        "def fail(self):\n"
        "    raise RuntimeError('the screen is broken')\n"
        "def patch():\n"
        "    while not hasattr(sys.modules.get('lazytrain.tui.app'), 'find_driver'):\n"
        "        threading.Event().wait(0.01)\n"
        "    sys.modules['lazytrain.tui.app'].LazytrainApp.action_help = fail\n"
        "os.register_at_fork(after_in_child=lambda: threading.Thread(target=patch, daemon=True).start())\n"
    )
    house.environment["PYTHONPATH"] = os.pathsep.join((str(broken), house.environment["PYTHONPATH"]))
    with house.open() as terminal:
        see(terminal, "1 Launch", "measured")
        terminal.press("?")
        assert wait_for_exit(terminal) == 1
        see_after(terminal, "RuntimeError: the screen is broken")
        assert terminal.restored
