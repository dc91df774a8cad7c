"""What programs and commands of one's own logged, taken away."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lazytrain.engine.commands.queueing import plan_commands, queue_planned
from lazytrain.engine.data.datasets import DatasetError
from lazytrain.engine.export.files import ExportError, write_files
from lazytrain.engine.export.formats import Format, plan_export
from lazytrain.engine.export.logged_report import LoggedReport, report_logged
from lazytrain.engine.export.report_view import WrittenReport
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.command_journal import CommandJournal
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample
from lazytrain.presets import load_catalogue
from lazytrain.tui.state.report_files import make_written_report, report_files
from lazytrain.tui.words.written_report import write_markdown
from tests.helpers.bench import configuration

COUNT = 400
DETAILS = {"config": {"lr": 0.1, "net": {"depth": 3}, "name": "a | b"}}


@pytest.fixture
def journal(home: Path) -> Iterator[ScriptJournal]:
    with ScriptJournal(home) as journal:
        yield journal


@pytest.fixture
def runs(journal: ScriptJournal) -> list[Run]:
    ids = [journal.add_script(name, project="mnist", details=DETAILS).id for name in ("first", "second & last")]
    for number, run_id in enumerate(ids):
        series = {
            "train/loss": [Sample(step, step / 10, 2 / (step + 1) + number) for step in range(COUNT)],
            "val/loss": [Sample(step, step / 10, 3 / (step + 1)) for step in range(9, COUNT, 10)],
            "noise": [Sample(step, step / 10, float(step * 7919 % 97)) for step in range(COUNT)],
            "bad": [Sample(0, 0.0, 1.0), Sample(1, 0.1, math.nan), Sample(2, 0.2, math.inf), Sample(3, 0.3, 2.0)],
        }
        journal.write_series(run_id, series, {})
    return [journal.run(run_id) for run_id in ids]


def describe_nothing(*_: object) -> DatasetError:
    return DatasetError("no data here")


def take(journal: ScriptJournal, runs: Sequence[Run], form: Format, output: Path) -> Sequence[Path]:
    return write_files(plan_export(journal, runs, form, output, describe=describe_nothing), force=False)


def test_a_picture_has_a_chart_a_figure(journal: ScriptJournal, runs: list[Run], tmp_path: Path) -> None:
    (path,) = take(journal, runs[:1], Format.SVG, tmp_path / "one.svg")
    drawn = path.read_text()
    for words in (
        ">first<",
        ">mnist · lr 0.1 · net {",
        ">loss (logarithmic)<",
        ">noise<",
        ">bad<",
        ">train<",
        ">val<",
        ">step<",
    ):
        assert words in drawn
    assert drawn.count(">step<") == 3, "train and val share a chart"
    assert "Left out: 2 values that are NaN or infinite." in drawn
    assert "Where the noise is larger than the trend" in drawn
    (path,) = take(journal, runs, Format.SVG, tmp_path / "two.svg")
    drawn = path.read_text()
    assert ">dashed: train<" in drawn
    assert ">second &amp; last<" in drawn
    (path,) = take(journal, runs, Format.PNG, tmp_path / "two.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_many_metrics_are_counted(journal: ScriptJournal, runs: list[Run], tmp_path: Path) -> None:
    journal.write_series(runs[0].id, {f"metric {number}": [Sample(1, 0.0, 1.0)] for number in range(30)}, {})
    (path,) = take(journal, runs[:1], Format.SVG, tmp_path / "many.svg")
    assert ">9 more metrics aren't drawn: csv and json have them.<" in path.read_text()


def test_tensorboard_reads_every_value(journal: ScriptJournal, runs: list[Run], tmp_path: Path) -> None:
    first, second = take(journal, runs, Format.TENSORBOARD, tmp_path / "tb")
    assert first.parent != second.parent
    read = EventAccumulator(str(first.parent), size_guidance={"scalars": 0})
    read.Reload()
    assert set(read.Tags()["scalars"]) == {"train/loss", "val/loss", "noise", "bad"}
    found = [(each.step, each.value) for each in read.Scalars("val/loss")]
    assert found == [(step, pytest.approx(3 / (step + 1))) for step in range(9, COUNT, 10)]
    assert "_hparams_/session_start_info" in read.Tags()["tensors"]


def test_tables_and_json_have_every_value(journal: ScriptJournal, runs: list[Run], tmp_path: Path) -> None:
    (path,) = take(journal, runs, Format.CSV, tmp_path / "values.csv")
    lines = path.read_text().splitlines()
    assert lines[0] == "run_id,run_name,metric,step,seconds,value"
    assert len(lines) == 1 + 2 * (2 * COUNT + COUNT // 10 + 4)
    (path,) = take(journal, runs, Format.JSON, tmp_path / "runs.json")
    record = json.loads(path.read_text())["runs"][0]
    assert record["metrics"]["bad"]["rows"][1][2] == "NaN"
    assert record["details"] == DETAILS


def test_what_there_is_not_is_refused(journal: ScriptJournal, runs: list[Run], tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"first: trained by programs .* which keep their weights themselves"):
        take(journal, runs[:1], Format.WEIGHTS, tmp_path / "weights")
    silent = journal.add_script("silent", details={})
    with pytest.raises(ExportError, match="silent: nothing was logged yet"):
        take(journal, [journal.run(silent.id)], Format.PNG, tmp_path / "silent.png")


def test_the_report_tells_what_differs_and_the_best(journal: ScriptJournal, runs: list[Run], tmp_path: Path) -> None:
    third = journal.add_script("third", project="mnist", details={"config": {"lr": 0.2}, "command": "python a|b.py"})
    journal.write_series(third.id, {"val/loss": [Sample(1, 0.1, 0.001)]}, {})
    journal.end(third.id, State.FAILED, error="exit code 3")
    report = report_logged(journal, [*runs, journal.run(third.id)], "three")
    assert report.columns == (("loss", "lowest"), ("noise", "last"), ("bad", "last"))
    assert [[figure.value for figure in each.figures] for each in report.runs] == [
        [3 / COUNT, (COUNT - 1) * 7919 % 97, 2.0],
        [3 / COUNT, (COUNT - 1) * 7919 % 97, 2.0],
        [0.001, None, None],
    ]
    assert [each.figures[0].is_best for each in report.runs] == [False, False, True]
    assert dict(report.differing)["config.lr"] == (0.1, 0.1, 0.2)
    assert report.common == {"project": "mnist"}
    text = write_markdown(report, describe_nothing, now=0.0, version="1.0", pictures=["three-files/three.svg"])
    for words in (
        "3 runs: 1 failed, 2 starting.",
        "**0.001** |",
        r"python a\|b.py",
        "exit code 3",
        "](three-files/three",
    ):
        assert words in text
    files = report_files(report, describe_nothing, tmp_path / "three.md", now=0.0, version="1.0")
    assert [file.name for file in write_files(files, force=False)] == ["three.svg", "three.md"]


def test_a_report_is_of_one_kind_of_runs(journal: ScriptJournal, runs: list[Run]) -> None:
    own = journal.add_run(configuration())
    catalogue = load_catalogue()
    with pytest.raises(ExportError, match=r"first: trained by programs .* apart from other runs"):
        make_written_report(journal, catalogue, [own.id, runs[0].id], describe_nothing)
    assert isinstance(make_written_report(journal, catalogue, [runs[0].id], describe_nothing), LoggedReport)
    told = list[str]()
    report = make_written_report(journal, catalogue, [], describe_nothing, tell=told.append)
    assert isinstance(report, WrittenReport)
    assert len(told) == 2


def test_a_study_of_a_command_is_reported_with_all_its_runs(home: Path) -> None:
    folder = home / "presets" / "studies"
    folder.mkdir(parents=True)
    (folder / "rates.toml").write_text('title = "Rates"\ncommand = "echo {lr}"\ngrid = { lr = [0.1, 0.01] }\n')
    catalogue = load_catalogue(home / "presets")
    with CommandJournal(home) as journal:
        planned = plan_commands(catalogue.command_studies["rates"].get(), "rates", folder=home)
        for each in planned:
            queue_planned(journal, each)
        report = make_written_report(journal, catalogue, ["rates"], describe_nothing)
        assert isinstance(report, LoggedReport)
        assert (report.title, len(report.runs)) == ("Rates", 2)
        assert set(report.differing["config.lr"]) == {0.1, 0.01}
        with pytest.raises(ExportError, match="rates is a study of a command: it is reported alone"):
            make_written_report(journal, catalogue, ["rates", "last"], describe_nothing)
