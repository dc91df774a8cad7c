"""`lazytrain plot`: charts in plain text, alone and over each other."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lazytrain.engine.records import State
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample
from lazytrain.tui.charts.data import ChartView
from lazytrain.tui.charts.tones import RUN_MARKERS
from lazytrain.tui.commands.plot import MOST_RUNS, print_charts, read_run
from lazytrain.tui.plain.output import make_console
from tests.helpers import command_line
from tests.helpers.command_line import ROOT, Command
from tests.helpers.monitor_data import Filler

run = command_line.run


@pytest.fixture
def filler(home: Path) -> Filler:
    """Two runs with cross-entropy, one with MSE, and one without figures."""
    filler = Filler(home)
    for name, scale, values in (("first", 1.0, {}), ("second", 1.3, {}), ("squares", 0.1, {"loss": "mse"})):
        run_id = filler.queue("coolnet-v10", epochs=8, name=name, **values)
        filler.start(run_id)
        filler.train(run_id, 8, loss=lambda epoch, scale=scale: scale * (0.4 + 2 / (1 + epoch)))
        filler.end(run_id, State.FINISHED, outcome="all epochs done")
    filler.queue("lazynet", name="empty")
    return filler


def braille(text: str) -> int:
    return sum("⠀" < character <= "⣿" for character in text)


def test_one_run_shows_both_charts_with_their_figures(run: Command, filler: Filler) -> None:
    shown = run("plot", "first")
    assert shown.status == 0
    lines = shown.out.splitlines()
    assert lines[0].startswith("╭ loss, smoothed 0.85 ─"), "its windows are noisy"
    assert "● best test" in lines[0]
    assert lines[16].startswith("╭ accuracy ─"), "figures come first"
    assert "● best" in lines[16]
    assert re.fullmatch(r"first \(\w+\), 8 of 8 epochs", lines[-1])
    assert {len(line) for line in lines[:32]} == {80}
    assert braille(shown.out) > 100
    assert "\x1b" not in shown.out
    assert shown.err == ""


def test_size_metric_axis_log_and_average(run: Command, filler: Filler) -> None:
    options = ("--metric", "loss", "--by", "time", "--log", "--smooth", "0.6", "--width", "100", "--height", "20")
    lines = run("plot", "first", *options).out.splitlines()
    assert lines[0].startswith("╭ loss, log, smoothed 0.6 ─")
    assert [len(line) for line in lines[:20]] == [100] * 20
    assert len(lines) == 21
    assert lines[18].startswith("│     s")


def test_train_or_test_alone(run: Command, filler: Filler) -> None:
    both = run("plot", "first", "--metric", "loss").out
    test = run("plot", "first", "--metric", "loss", "--test").out
    train = run("plot", "first", "--metric", "loss", "--train").out
    assert "train" not in test
    assert "•" in test
    assert "•" not in train
    assert "●" not in train
    assert braille(test) < min(braille(both), braille(train))
    assert "best" not in train


def test_several_runs_are_told_apart_without_colour(run: Command, filler: Filler) -> None:
    shown = run("plot", "first", "second", "first")
    lines = shown.out.splitlines()
    assert len(lines) == 34, "a run named twice is one"
    assert shown.out.count("● first") == 3
    assert shown.out.count("▲ second") == 3
    assert "★ best" in lines[0]
    assert sum(line.count("★") for line in lines[1:14]) == 2
    for marker in RUN_MARKERS[:2]:
        assert sum(line.count(marker) for line in lines[1:14]) >= 4
    assert re.search(r"^▲ second \(\w+\), 8 of 8 epochs: test loss [\d.]+, accuracy .* %, best .* % @ \d", lines[-1])


def test_both_curves_of_several_runs(run: Command, filler: Filler) -> None:
    one, two = (
        run("plot", "first", "second", "--metric", "loss", *more).out for more in (("--test",), ("--train", "--test"))
    )
    assert braille(two) > braille(one)


@pytest.mark.parametrize("metric", ["both", "loss"])
def test_losses_of_different_kinds_are_not_laid_over_each_other(run: Command, filler: Filler, metric: str) -> None:
    shown = run("plot", "first", "squares", "--metric", metric)
    assert shown.err == "losses of different kinds (cross-entropy, MSE) aren't laid over each other: accuracy\n"
    assert "╭ accuracy" in shown.out
    assert "╭ loss" not in shown.out
    assert run("plot", "squares", "--metric", "loss").err == ""


def test_runs_without_figures_are_named(run: Command, filler: Filler) -> None:
    shown = run("plot", "first", "empty")
    assert re.fullmatch(r"empty \(\w+\) has no figures yet\n", shown.err)
    assert "╭ loss" in shown.out
    assert run("plot", "empty").out == ""


def test_what_cannot_be_is_refused(run: Command, filler: Filler) -> None:
    for number in range(MOST_RUNS + 1):
        filler.queue("lazynet", name=f"n{number}")
    for arguments, word in (
        (("nobody",), "no run 'nobody'"),
        (("first", "--smooth", "1"), "--smooth"),
        (("first", "--width", "10"), "--width"),
        (("first", "--by", "days"), "--by"),
        (tuple(f"n{number}" for number in range(MOST_RUNS + 1)), "at most 8 runs"),
    ):
        shown = run("plot", *arguments)
        assert shown.status == 2
        assert word in shown.err


class Terminal(io.StringIO):
    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


def drawn(filler: Filler, stream: io.StringIO) -> str:
    plotted = [read_run(filler.journal, filler.journal.find(name)) for name in ("first", "second")]
    print_charts(make_console(stream), plotted, ["loss"], ["test"], ChartView(), (80, 16))
    return stream.getvalue()


def test_colour_only_on_a_terminal_and_not_with_no_color(filler: Filler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b[38;5;" in drawn(filler, Terminal())
    assert "\x1b" not in drawn(filler, io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "38;5;" not in drawn(filler, Terminal())


def test_an_output_without_braille_has_ascii(home: Path, filler: Filler) -> None:
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "lazytrain", "plot", "first", "second"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        check=True,
    )
    shown = done.stdout.decode("ascii")
    assert "?" not in shown
    assert shown.splitlines()[0].startswith("+ loss -")
    assert "o first" in shown
    assert "^ second" in shown


def test_it_imports_neither_torch_nor_textual(home: Path, filler: Filler) -> None:
    code = (
        "import sys\nfrom lazytrain.__main__ import main\nmain(sys.argv[1:])\n"
        "sys.exit(f'imported: {found}' if (found := {'torch', 'textual'} & set(sys.modules)) else 0)"
    )
    environment = {**os.environ, "LAZYTRAIN_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", code, "plot", "first", "second"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "╭ loss" in done.stdout


def test_metrics_of_programs_are_plotted_alone_and_over_others(run: Command, filler: Filler) -> None:
    with ScriptJournal(filler.home) as journal:
        for name in ("one", "two"):
            script = journal.add_script(name, project="wmt", details={})
            ramp = [Sample(step, float(step), step / 10) for step in range(100)]
            series = {"train/loss": ramp, "val/loss": ramp, "val/bleu": ramp}
            journal.write_series(script.id, series, {"step": 99, "seconds": 99.0})
            journal.end(script.id, State.FINISHED)
    filler.journal.write(filler.journal.find("first").id, series={"gradient norm": [Sample(5, 1.0, 2.5)]})
    alone = run("plot", "one").out
    assert "╭ loss" in alone
    assert "╭ bleu" in alone
    assert "● best val 9.9" in alone
    over = run("plot", "one", "two", "--metric", "val/bleu").out
    assert over.count("╭") == 1
    assert "▲ two" in over
    assert "● first" in run("plot", "first", "one", "--metric", "loss").out
    assert "2.500" in run("plot", "first", "--metric", "gradient norm").out
    refused = run("plot", "one", "--metric", "f1")
    assert refused.status == 2
    assert "no metric 'f1' in these runs: they have loss, bleu" in refused.err
