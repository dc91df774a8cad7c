"""`lazytrain confusion` and `lazytrain mistakes`: what they print, in colours and without."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.segment import Segment

from lazytrain.__main__ import main
from lazytrain.engine.analysis.findings import Inspection
from lazytrain.engine.confusion import Confusion
from lazytrain.engine.data.vision.table import CIFAR10_CLASSES
from lazytrain.presets.plain_text import find_unsafe
from lazytrain.tui.commands.learned import print_confusion, print_mistakes
from lazytrain.tui.plain.printed_images import can_draw
from lazytrain.tui.widgets.half_blocks import UPPER_HALF, half_block_lines
from tests.helpers.learned_app import colours, filters, inspection, matrix, trained
from tests.helpers.monitor_data import Filler


@pytest.fixture
def filler(home: Path) -> Filler:
    return Filler(home)


def printed(show: Any, *arguments: Any, **options: Any) -> str:
    stream = io.StringIO()
    show(*arguments, Console(file=stream, highlight=False, markup=False, **options))
    return stream.getvalue()


def test_confusion_prints_what_the_store_holds(home: Path, filler: Filler, capsys: pytest.CaptureFixture[str]) -> None:
    run_id = trained(filler)
    assert main(["--home", str(home), "confusion", run_id, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["weights"] == "epoch 10"
    assert record["classes"] == list(CIFAR10_CLASSES)
    assert Confusion.of(record["classes"], [count for row in record["counts"] for count in row]) == matrix()
    assert main(["--home", str(home), "confusion", run_id, "--best"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("coolnet-v10 default, epoch 4: ")
    assert out[1].split()[:4] == ["is", "right", "airplane", "automobile"]
    assert len(out) == 12
    assert all("[" in line and "]" in line for line in out[2:])


def test_the_matrix_fits_a_narrow_terminal(home: Path, filler: Filler) -> None:
    run = filler.journal.run(trained(filler))
    out = printed(print_confusion, run, "epoch 1", matrix(), force_terminal=True, width=80, color_system=None)
    assert max(map(len, out.splitlines())) <= 80


def test_class_names_that_a_terminal_would_obey_are_written_out_in_columns_wide_enough(
    home: Path, filler: Filler
) -> None:
    run = filler.journal.run(trained(filler))
    out = printed(print_confusion, run, "epoch 1", matrix(("a\x1b[2Jb", "r\u202etl", "c")), width=80)
    assert out.splitlines()[1].split() == ["is", "right", r"a\x1b[2Jb", r"r\u202etl", "c"]
    assert find_unsafe(out, lines=True) is None


def test_mistakes_are_listed_where_they_can_not_be_drawn(home: Path, filler: Filler) -> None:
    run, found = filler.journal.run(trained(filler)), inspection()
    plain = printed(print_mistakes, run, found, found.mistakes[:3], width=100)
    assert plain.splitlines()[1:] == [
        "image  is          taken for  confidence",
        "    0  airplane    cat            99.9 %",
        "    1  automobile  deer           98.9 %",
        "    2  bird        dog            97.9 %",
    ]
    drawn = printed(
        print_mistakes, run, found, found.mistakes[:3], force_terminal=True, color_system="truecolor", width=70
    )
    assert drawn.count(UPPER_HALF) == 3 * 32 * 16
    assert "38;2;" in drawn
    assert "automobile" in drawn


def test_colours_decide_whether_it_is_drawn() -> None:
    assert can_draw(Console(file=io.StringIO(), force_terminal=True, color_system="256"))
    assert not can_draw(Console(file=io.StringIO(), force_terminal=True, color_system="standard"))
    assert not can_draw(Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", no_color=True))
    assert not can_draw(Console(file=io.StringIO()))


def test_what_was_found_out_goes_through_json() -> None:
    found = inspection(filters=filters())
    assert Inspection.from_record(json.loads(json.dumps(found.to_record()))) == found
    assert Inspection.from_record(json.loads(json.dumps(replace(found, filters=None).to_record()))).filters is None
    assert [Segment(UPPER_HALF)] != half_block_lines(colours(2, 0))[0]
