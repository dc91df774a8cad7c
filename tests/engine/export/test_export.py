"""What is taken away reads back as it was: tables, JSON, and TensorBoard's files by TensorBoard itself."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
import tensorboard.plugins.hparams.api_pb2
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.compat.tensorflow_stub.errors import DataLossError, OutOfRangeError
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import PyRecordReader_New
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.backend_context import Context as HParamsContext
from tensorboard.plugins.hparams.list_session_groups import Handler as ListSessionGroups

from lazytrain.engine.analysis.gathered import Gathered, gather
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.datasets import DatasetFacts
from lazytrain.engine.events import EpochRecord, Point
from lazytrain.engine.export.files import AlreadyThere, ExportError, OutputFile, distinct_names, file_name, write_files
from lazytrain.engine.export.formats import Format, default_output, plan_export
from lazytrain.engine.export.record import write_json
from lazytrain.engine.export.tables import EPOCH_COLUMNS, POINT_COLUMNS, write_epochs, write_points
from lazytrain.engine.export.tensorboard import event_file, write_events
from lazytrain.engine.records import State
from lazytrain.engine.store.store import RunNotFound, Store
from lazytrain.presets import Hyperparameters
from lazytrain.tui.commands.export import PATIENCE_SECONDS, Teller
from tests.helpers import command_line
from tests.helpers.command_line import Command
from tests.helpers.monitor_data import Filler

command = command_line.run
api: Any = tensorboard.plugins.hparams.api_pb2


@pytest.fixture
def filler(home: Path) -> Filler:
    """A finished run that was validated, and one that failed with NaN in its first epoch."""
    filler = Filler(home)
    good = filler.queue("coolnet-v10", epochs=4, validation_fraction=0.1, name='good: run, "first"')
    filler.start(good)
    filler.train(good, 4, windows=20, validated=True)
    filler.end(good, State.FINISHED, outcome="all epochs done")
    bad = filler.queue("coolnet-v7", "lr-10", name="bad")
    filler.start(bad)
    filler.train(bad, 0.1, loss=lambda epoch: 2.3 + 400 * epoch)
    filler.journal.write(bad, points=[Point(1560, math.nan, 0.1, 10.0, 5400.0, 1.5)])
    filler.end(bad, State.FAILED, error="loss became NaN at step 1,551 (epoch 1): try a lower learning rate")
    return filler


@pytest.fixture
def gathered(filler: Filler) -> tuple[Gathered, Gathered]:
    runs = {run.name: run for run in filler.journal.runs()}
    return gather(filler.journal, runs['good: run, "first"'].id), gather(filler.journal, runs["bad"].id)


def read_table(write: Callable[[list[Gathered], io.BytesIO], None], runs: tuple[Gathered, ...]) -> list[dict[str, str]]:
    file = io.BytesIO()
    write(list(runs), file)
    return list(csv.DictReader(io.StringIO(file.getvalue().decode(), newline="")))


def no_data(_values: Hyperparameters) -> DatasetFacts:
    raise AssertionError("these formats ask nothing of the data")


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


# ── tables ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_points_read_back_with_all_their_digits(gathered: tuple[Gathered, Gathered]) -> None:
    rows = read_table(write_points, gathered)
    assert tuple(rows[0]) == POINT_COLUMNS
    for each in gathered:
        mine = [row for row in rows if row["run_id"] == each.run.id]
        points = list(each.points())
        assert len(mine) == len(points) > 0
        assert {row["run_name"] for row in mine} == {each.run.name}
        for row, point in zip(mine, points, strict=True):
            assert int(row["step"]) == point.step
            assert same(float(row["train_loss"]), point.loss)
            assert float(row["train_accuracy_fraction"]) == point.accuracy
            assert float(row["learning_rate"]) == point.learning_rate
            assert float(row["images_per_second"]) == point.images_per_second
            assert float(row["seconds"]) == point.seconds
    good = [row for row in rows if row["run_id"] == gathered[0].run.id]
    assert [int(row["epoch"]) for row in good] == [epoch for epoch in (1, 2, 3, 4) for _ in range(20)]
    assert [row["train_loss"] for row in rows][-1] == "nan"


def test_epochs_read_back_and_say_which_is_best(gathered: tuple[Gathered, Gathered]) -> None:
    good = gathered[0]
    rows = read_table(write_epochs, gathered)
    assert tuple(rows[0]) == EPOCH_COLUMNS
    assert len(rows) == len(good.epochs) == 4
    for row, record in zip(rows, good.epochs, strict=True):
        assert int(row["step"]) == record.step
        assert float(row["test_accuracy_fraction"]) == record.test_accuracy
        assert float(row["validation_loss"]) == record.validation_loss
        assert float(row["epoch_seconds"]) == record.seconds
    assert [int(row["epoch"]) for row in rows if row["best"] == "1"] == [good.run.best_epoch]


def test_a_run_not_validated_has_empty_cells(home: Path) -> None:
    filler = Filler(home)
    run = filler.queue("lazynet", epochs=1)
    filler.start(run)
    filler.train(run, 1)
    (row,) = read_table(write_epochs, (gather(filler.journal, run),))
    assert row["validation_loss"] == row["validation_accuracy_fraction"] == ""


# ── JSON ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_json_holds_everything_and_reads_back(gathered: tuple[Gathered, Gathered]) -> None:
    file = io.BytesIO()
    write_json(gathered, file)
    read = json.loads(file.getvalue(), parse_constant=pytest.fail)
    assert read["format"] == "lazytrain runs 1"
    for record, each in zip(read["runs"], gathered, strict=True):
        assert (record["id"], record["name"], record["state"]) == (each.run.id, each.run.name, each.run.state.value)
        assert RunConfiguration.model_validate(record["configuration"]) == each.configuration
        assert tuple(EpochRecord(**epoch) for epoch in record["epochs"]) == each.epochs
        assert [line["text"] for line in record["log"]] == [message.text for message in each.messages]
        assert record["points"]["columns"] == list(Point._fields)
        points = [Point(int(row[0]), *map(float, row[1:])) for row in record["points"]["rows"]]
        assert all(
            same(value, known)
            for point, stored in zip(points, each.points(), strict=True)
            for value, known in zip(point, stored, strict=True)
        )
    assert read["runs"][1]["points"]["rows"][-1][1] == "NaN"
    assert read["runs"][1]["error"].startswith("loss became NaN")


def test_json_of_a_run_without_figures(home: Path) -> None:
    filler = Filler(home)
    file = io.BytesIO()
    write_json([gather(filler.journal, filler.queue("lazynet"))], file)
    (record,) = json.loads(file.getvalue())["runs"]
    assert record["points"]["rows"] == record["epochs"] == []


# ── TensorBoard ────────────────────────────────────────────────────────────────────────────────────────────


def write_run(gathered: Gathered, folder: Path) -> Path:
    """Its event file in a folder of its own, as the command makes it."""
    path = event_file(folder / gathered.run.id, gathered.run)
    write_files([OutputFile(path, partial(write_events, gathered))], force=False)
    return path


def load(path: Path) -> EventAccumulator:
    loaded = EventAccumulator(str(path.parent), size_guidance={"scalars": 0})
    loaded.Reload()
    return loaded


def test_each_record_has_its_checksums(gathered: tuple[Gathered, Gathered], tmp_path: Path) -> None:
    path = write_run(gathered[0], tmp_path)
    assert path.name == f"events.out.tfevents.{int(gathered[0].run.created)}.{gathered[0].run.id}"

    def records() -> list[bytes]:
        reader, found = PyRecordReader_New(str(path)), []
        with suppress(OutOfRangeError):
            while True:
                reader.GetNext()
                found.append(reader.record())
        return found

    # The file's version, what is said of the run, and a record a point and an epoch.
    assert len(records()) == 2 + gathered[0].num_points + len(gathered[0].epochs)
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataLossError):
        records()


def test_tensorboards_own_reader_loads_it(gathered: tuple[Gathered, Gathered], tmp_path: Path) -> None:
    good, bad = gathered
    loaded = load(write_run(good, tmp_path))
    assert set(loaded.Tags()["scalars"]) == {
        *("loss/train", "loss/test", "loss/validation", "loss/train_epoch_mean", "learning_rate", "images_per_second"),
        *("accuracy/train", "accuracy/test", "accuracy/validation", "accuracy/train_epoch_mean"),
    }
    started = good.run.started
    assert started is not None
    points = list(good.points())
    train = loaded.Scalars("loss/train")
    assert [event.step for event in train] == [point.step for point in points]
    assert [event.value for event in train] == pytest.approx([point.loss for point in points], rel=1e-6)
    assert [event.wall_time for event in train] == pytest.approx([started + point.seconds for point in points])
    test = loaded.Scalars("accuracy/test")
    assert [event.step for event in test] == [record.step for record in good.epochs]
    assert [event.value for event in test] == pytest.approx([record.test_accuracy for record in good.epochs], rel=1e-6)
    ends = [started + seconds for seconds in accumulate(record.seconds for record in good.epochs)]
    assert [event.wall_time for event in test] == pytest.approx(ends)
    (text,) = loaded.Tensors("configuration/text_summary")
    assert '"architecture_name": "coolnet-v10"' in text.tensor_proto.string_val[0].decode()
    assert loaded.summary_metadata["run/text_summary"].plugin_data.plugin_name == "text"

    failed = load(write_run(bad, tmp_path))
    assert math.isnan(failed.Scalars("loss/train")[-1].value)
    assert max(event.value for event in failed.Scalars("loss/train")[:-1]) > 10


def test_a_loss_too_large_for_a_float_is_infinite(home: Path, tmp_path: Path) -> None:
    filler = Filler(home)
    run = filler.queue("coolnet-v7", "lr-10")
    filler.start(run)
    filler.journal.write(run, points=[Point(10, 1e300, 0.1, 10.0, 5400.0, 1.5)])
    loaded = load(write_run(gather(filler.journal, run), tmp_path))
    assert [event.value for event in loaded.Scalars("loss/train")] == [math.inf]


def test_tensorboard_reads_the_hyperparameters(gathered: tuple[Gathered, Gathered], tmp_path: Path) -> None:
    loaded = load(write_run(gathered[1], tmp_path))
    content = loaded.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    started = metadata.parse_session_start_info_plugin_data(content)
    assert started.hparams["learning_rate"].number_value == 10.0
    assert started.hparams["architecture"].string_value == "coolnet-v7"
    assert started.hparams["deterministic"].bool_value is True
    assert (started.group_name, started.start_time_secs) == (gathered[1].run.id, gathered[1].run.started)
    ended = metadata.parse_session_end_info_plugin_data(
        loaded.summary_metadata["_hparams_/session_end_info"].plugin_data.content
    )
    assert (ended.status, ended.end_time_secs) == (api.Status.Value("STATUS_FAILURE"), gathered[1].run.ended)


def test_the_hparams_page_lists_what_differs_between_runs_and_their_metrics(
    gathered: tuple[Gathered, Gathered], tmp_path: Path
) -> None:
    for each in gathered:
        write_run(each, tmp_path)
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(tmp_path))
    context = HParamsContext(TBContext(data_provider=provider))
    request = RequestContext()
    found = context.hparams_metadata(request, "")
    experiment = context.experiment_from_metadata(request, "", True, found, [])
    differing = {info.name for info in experiment.hparam_infos if info.differs}
    assert differing == {"architecture", "learning_rate", "epochs", "validation_fraction"}
    metrics = {info.name.tag for info in experiment.metric_infos}
    # What only one of them has is there too.
    assert {"accuracy/test", "accuracy/validation", "loss/test", "loss/train"} <= metrics
    asked = api.ListSessionGroupsRequest(
        allowed_statuses=[api.Status.Value("STATUS_SUCCESS"), api.Status.Value("STATUS_FAILURE")],
        col_params=[
            api.ColParams(hparam="learning_rate"),
            api.ColParams(metric=api.MetricName(tag="accuracy/test"), include_in_result=True),
        ],
        start_index=0,
        slice_size=10,
    )
    groups = ListSessionGroups(request, context, "", asked).run().session_groups
    rates = {group.name: group.hparams["learning_rate"].number_value for group in groups}
    assert rates == {each.run.id: each.configuration.hyperparameters.learning_rate for each in gathered}
    (good,) = [group for group in groups if group.name == gathered[0].run.id]
    values = {metric.name.tag: metric.value for metric in good.metric_values}
    assert values["accuracy/test"] == pytest.approx(gathered[0].run.test_accuracy)
    assert values["loss/test"] == pytest.approx(gathered[0].run.test_loss)


def test_without_tensorboard_its_files_are_refused_with_the_command_that_brings_it(
    command: Command, filler: Filler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del filler
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    # An import of a name that is None here is refused as if it weren't installed.
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    result = command("export", "bad", "--format", "tensorboard")
    assert (result.status, result.out) == (2, "")
    assert "pip install 'lazytrain[tensorboard]'" in result.err
    assert set(tmp_path.iterdir()) == before
    assert command("export", "bad", "--format", "csv").status == 0


# ── files ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_written_if_one_file_is_there(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    files = [OutputFile(tmp_path / name, lambda file: _put(file, b"new")) for name in ("a", "b")]
    with pytest.raises(AlreadyThere, match=r"b is there already: .* --force"):
        write_files(files, force=False)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    write_files(files, force=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"new", "b": b"new"}


def test_a_write_that_fails_names_the_file_and_leaves_the_old_one(tmp_path: Path) -> None:
    def fail(_file: object) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a").write_text("mine")
    with pytest.raises(ExportError, match=r"a: can't be written: No space left on device"):
        write_files([OutputFile(tmp_path / "a", fail)], force=True)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "mine")]
    with pytest.raises(ExportError, match="is a file, so"):
        write_files([OutputFile(tmp_path / "a" / "b", fail)], force=False)
    with pytest.raises(ExportError, match="is a folder"):
        write_files([OutputFile(tmp_path, fail)], force=True)


def _put(file: object, content: bytes) -> None:
    assert isinstance(file, io.BufferedWriter)
    file.write(content)


def test_names_become_names_of_files() -> None:
    assert file_name("coolnet-v10 lr=0.1 (learning rate)") == "coolnet-v10-lr=0.1-learning-rate"
    assert file_name("../etc/passwd") == "etc-passwd"
    assert file_name("Netz für Käse") == "Netz-für-Käse"
    assert file_name("…") == "run"
    assert distinct_names(["a b", "A-b", "c"]) == ["a-b", "A-b-2", "c"]


def test_a_long_export_says_how_far_it_is_and_leaves_nothing_behind() -> None:
    now = [0.0]
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    teller = Teller(terminal, clock=lambda: now[0])
    teller(0, 2, "points")
    assert terminal.getvalue() == ""
    now[0] = PATIENCE_SECONDS
    teller(1, 2, "epochs")
    teller(2, 2, "")
    assert terminal.getvalue() == "\r\x1b[K1/2 epochs…\r\x1b[K"


# ── the command ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", [Format.CSV, Format.JSON, Format.TENSORBOARD, Format.SVG, Format.PNG])
def test_the_command_prints_what_it_made_and_overwrites_nothing(
    command: Command, filler: Filler, tmp_path: Path, form: Format, monkeypatch: pytest.MonkeyPatch
) -> None:
    del filler
    monkeypatch.chdir(tmp_path)
    result = command("export", "bad", "--format", form.value)
    assert result.status == 0, result.err
    made = [Path(line) for line in result.out.splitlines()]
    assert made[0].parts[0] == {True: f"bad-{form}", False: f"bad.{form}"}[form.makes_folder]
    assert all(path.stat().st_size for path in made)
    again = command("export", "bad", "-f", form.value)
    assert again.status == 2
    assert f"{made[0]} is there already" in again.err
    assert command("export", "bad", "-f", form.value, "--force").status == 0


def test_the_same_export_has_the_same_bytes(gathered: tuple[Gathered, Gathered], home: Path, tmp_path: Path) -> None:
    with Store(home) as store:
        runs = [each.run for each in gathered]
        for form in (Format.CSV, Format.JSON, Format.TENSORBOARD, Format.SVG, Format.PNG):
            made = [
                write_files(
                    plan_export(store, runs, form, tmp_path / place / f"x.{form}", describe=no_data), force=False
                )
                for place in ("one", "two")
            ]
            assert [path.read_bytes() for path in made[0]] == [path.read_bytes() for path in made[1]]


def test_defaults_are_named_after_the_runs(gathered: tuple[Gathered, Gathered]) -> None:
    runs = [each.run for each in gathered]
    assert default_output(runs[1:], Format.CSV) == Path("bad.csv")
    assert default_output(runs, Format.TENSORBOARD) == Path("good-run-first-and-1-more-tensorboard")


def test_unknown_runs_and_runs_without_weights_are_named(command: Command, filler: Filler, home: Path) -> None:
    result = command("export", "nosuch", "-f", "csv")
    assert (result.status, "no run 'nosuch'" in result.err) == (2, True)
    result = command("export", "bad", "-f", "weights")
    assert result.status == 2
    assert "bad (" in result.err
    assert "no epoch is finished yet" in result.err
    result = command("export", "bad", "-f", "weights", "--checkpoint", "last")
    assert "no checkpoint to take weights from: it has none yet" in result.err
    with Store(home) as store, pytest.raises(RunNotFound):
        gather(store, "00000000")
    assert filler.journal.runs()
