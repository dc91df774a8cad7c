"""The written report: its table, seeds folded, what is missing or failed, and the original report beside it."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from lazytrain.engine.data.datasets import describe_dataset
from lazytrain.engine.export.report_view import WrittenReport
from lazytrain.engine.export.written_report import report_runs, report_study
from lazytrain.engine.queue.studies import PlannedRun, plan_study
from lazytrain.engine.records import State
from lazytrain.engine.store.store import Store
from lazytrain.presets import Hyperparameters, load_catalogue
from lazytrain.tui.words.written_report import write_markdown
from tests.helpers import command_line
from tests.helpers.command_line import Command
from tests.helpers.launch_app import write_preset
from tests.helpers.monitor_data import Filler

command = command_line.run

RATES = """
title = "rates"
about = "Two nets, two rates."
report = "smaller is slower"
architectures = ["lazynet", "boringnet"]
seeds = [0, 1, 2]
[set]
dataset = "digits"
epochs = 4
[grid]
learning_rate = [0.1, 0.01]
"""


def known(values: Hyperparameters) -> object:
    return describe_dataset(values.dataset, Path("nowhere"), Path("nowhere"), values.image_size)


describe = partial(known)


def plan(home: Path, study: str, **settings: object) -> tuple[PlannedRun, ...]:
    return plan_study(load_catalogue(home / "presets"), study, describe, settings=settings)  # type: ignore[arg-type]


def train(filler: Filler, planned: PlannedRun, *, share: float = 1.0) -> str:
    run = filler.journal.add_run(planned.configuration, planned.name)
    filler.start(run.id)
    filler.train(run.id, share * planned.configuration.hyperparameters.epochs)
    return run.id


@pytest.fixture
def filler(home: Path) -> Filler:
    write_preset(home, "studies", "rates", RATES)
    return Filler(home)


def written(report: WrittenReport, pictures: tuple[str | None, ...] = ()) -> str:
    return write_markdown(report, describe, now=0.0, version="1.0", pictures=pictures)  # type: ignore[arg-type]


def row(text: str, label: str, heading: str = "## Results") -> list[str]:
    """The cells of a setting's line in the first table under a heading."""
    section = text.split(f"{heading}\n", 1)[1].split("\n## ", 1)[0]
    line = next(line for line in section.splitlines() if re.match(rf"\| {re.escape(label)} +\|", line))
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_a_study_is_written_with_what_is_there_and_what_is_not(filler: Filler, home: Path) -> None:
    planned = plan(home, "rates")
    assert len(planned) == 12
    ended = [train(filler, each) for each in planned if each.configuration.hyperparameters.learning_rate == 0.01]
    for run in ended:
        filler.end(run, State.FINISHED)
    failing = next(each for each in planned if each.configuration.hyperparameters.learning_rate == 0.1)
    failed = train(filler, failing, share=0.1)
    filler.end(failed, State.FAILED, error="loss became NaN at step 7 (epoch 1): try a lower learning rate")
    with Store(home) as store:
        report = report_study(store, load_catalogue(home / "presets"), "rates", describe)  # type: ignore[arg-type]
    assert tuple(report.differing) == ("learning_rate",)
    assert len(report.settings) == 4
    assert len(report.missing) == 5
    text = written(report, ("report-files/a b.svg",))
    assert text.startswith("# rates\n\n12 runs: 6 finished, 1 failed, 5 not trained yet. Written by lazytrain 1.0 on")
    assert "- architecture: lazynet, boringnet\n- learning rate: 0.1, 0.01\n- seed: 0, 1, 2 (each setting with" in text
    assert "The original report saw: smaller is slower." in text
    cells = row(text, "lazynet")
    assert cells[1:3] == ["0.01", "3"]
    assert re.fullmatch(r"\*\*\d\d\.\d ± \d\.\d\*\*", cells[3])
    assert cells[-1] == "finished"
    missing = row(text, "boringnet lr=0.1")
    assert missing[2] == "0 of 3"
    assert missing[3] == "–"
    assert missing[-1] == "not trained yet"
    assert row(text, "lazynet lr=0.1")[-1] == "1 failed, 2 not trained yet"
    assert "![rates: loss and accuracy by epoch](report-files/a%20b.svg)" in text
    assert f"({failed}): loss became NaN at step 7" in text
    assert "## Not trained yet\n\n- " in text
    assert "| dataset " in text.split("All runs have these:")[1]
    assert "- **boringnet** (BoringNet): linear 120 → linear 84 → linear 10; 379,774 parameters" in text
    assert "± is the standard deviation over seeds" in text
    assert all(run in text for run in ended)


def test_a_seed_that_failed_is_counted_but_not_in_the_mean(filler: Filler, home: Path) -> None:
    first, second, third = [each for each in plan(home, "rates", learning_rate=0.01) if "lazynet" in each.name][:3]
    for each in (first, second):
        filler.end(train(filler, each), State.FINISHED)
    filler.end(train(filler, third, share=0.5), State.FAILED, error="loss became NaN at step 9: try a lower one")
    with Store(home) as store:
        report = report_study(store, load_catalogue(home / "presets"), "rates", describe)  # type: ignore[arg-type]
    setting = next(each for each in report.settings if len(each.runs) == 3)
    assert [each.run.epoch for each in setting.scored] == [4, 4]
    assert setting.best_test is not None
    assert setting.best_test.mean == pytest.approx(setting.scored[0].run.best_accuracy)
    assert row(written(report), "lazynet")[2] == "2 of 3"
    assert row(written(report), "lazynet")[-1] == "2 finished, 1 failed"


def test_a_study_of_studies_has_a_chapter_for_each(filler: Filler, home: Path) -> None:
    write_preset(home, "studies", "one", 'title = "one"\narchitectures = ["lazynet"]')
    write_preset(home, "studies", "two", 'title = "two"\narchitectures = ["lazynet", "boringnet"]')
    write_preset(home, "studies", "both", 'title = "both"\nstudies = ["one", "two"]\nset = { epochs = 3 }')
    for each in plan(home, "both"):
        filler.end(train(filler, each), State.FINISHED)
    with Store(home) as store:
        report = report_study(store, load_catalogue(home / "presets"), "both", describe)  # type: ignore[arg-type]
    assert [(chapter.title, [each.label for each in chapter.settings]) for chapter in report.chapters] == [
        ("one", ["lazynet"]),
        ("two", ["lazynet", "boringnet"]),
    ]
    text = written(report, ("one.svg", "two.svg"))
    assert "### one\n\n![one: loss and accuracy by epoch](one.svg)" in text


def test_the_original_report_stands_beside_it(filler: Filler, home: Path) -> None:
    runs: dict[str, str] = {}
    for name, architecture, hyperparameters, epochs in (
        ("whole", "coolnet-v10", "default", 50),
        ("short", "coolnet-v10", "default", 3),
        ("high", "coolnet-v7", "lr-10", 50),
        ("crashed", "coolnet-v5", "default", 2),
        ("other", "lazynet", "default", 2),
    ):
        edits = {} if epochs == 50 else {"epochs": epochs}
        if name == "other":
            edits["batch_size"] = 64
        runs[name] = run = filler.queue(architecture, hyperparameters, name=name, **edits)
        filler.start(run)
        filler.train(run, 0.1 if name == "high" else epochs)
        failed = name == "high"
        error = "loss became infinite at step 9" if failed else None
        filler.end(run, State.FAILED if failed else State.FINISHED, error=error)
    with Store(home) as store:
        report = report_runs(store, [store.run(run) for run in runs.values()], load_catalogue(), "five")
    found = {each.label: each.verdict for each in report.settings}
    assert re.fullmatch(r"(agrees|differs) \([+−]\d+\.\d points\)", found["whole"])
    assert re.fullmatch(r"[+−]\d+\.\d points, after 3 epochs instead of 50", found["short"])
    assert found["high"] == "agrees: the loss became NaN or infinite here too"
    assert found["crashed"] == "trains here"
    assert found["other"] == ""
    text = written(report)
    assert row(text, "short", "## Beside the original report")[1] == ("train 99 %, test 62 %; higher test peaks early")
    assert "62 after 50 epochs" in row(text, "short")
    assert "## Curves" not in text


def test_names_are_no_markdown(filler: Filler, home: Path) -> None:
    run = filler.queue("lazynet", epochs=1, name="a|b *c* _d_ e_f `g` <h>")
    with Store(home) as store:
        text = written(report_runs(store, [store.run(run)], load_catalogue(), "x"))
    assert r"a\|b \*c\* \_d\_ e_f \`g\` \<h\>" in text


def test_validated_runs_say_how_best_was_chosen(filler: Filler, home: Path) -> None:
    run = filler.queue("lazynet", epochs=4, validation_fraction=0.2)
    filler.start(run)
    filler.train(run, 4, validated=True)
    with Store(home) as store:
        report = report_runs(store, [store.run(run)], load_catalogue(), "x")
        best = store.epochs(run)[(store.run(run).best_epoch or 0) - 1]
    text = written(report)
    assert f"{100 * best.test_accuracy:.1f}" in row(text, "lazynet epochs=4 validation=0.2")
    assert "held out for validation, the best epoch is the one with the highest accuracy on them" in text
    assert "It is chosen by the images" not in text


# ── the command ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_command_writes_it_with_its_pictures_and_overwrites_nothing(
    command: Command, filler: Filler, tmp_path: Path
) -> None:
    run = filler.queue("lazynet", epochs=2, name="mine")
    filler.start(run)
    filler.train(run, 2)
    target = tmp_path / "out" / "report.md"
    result = command("report", "mine", "-o", str(target))
    assert result.status == 0, result.err
    made = [Path(line) for line in result.out.splitlines()]
    assert made == [tmp_path / "out" / "report-files" / "mine.svg", target]
    links = re.findall(r"!\[[^]]*\]\(([^)]*)\)", target.read_text(encoding="utf-8"))
    assert [(target.parent / link).is_file() for link in links] == [True]
    again = command("report", "mine", "-o", str(target))
    assert again.status == 2
    assert "mine.svg is there already" in again.err
    assert command("report", "mine", "-o", str(target), "--force", "--pictures", "png").status == 0
    assert (target.parent / "report-files" / "mine.png").read_bytes().startswith(b"\x89PNG")


def test_it_is_printed_without_a_file(command: Command, filler: Filler) -> None:
    filler.queue("lazynet", epochs=2, name="waiting")
    result = command("report", "waiting")
    assert result.status == 0, result.err
    assert result.out.startswith("# waiting\n\n1 run: 1 queued.")
    study = command("report", "rates", "--seeds", "1", "--set", "epochs=2")
    assert study.status == 0, study.err
    assert "4 runs: 4 not trained yet." in study.out
    assert "| epochs                         | 2 " in study.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nosuch",), "no run 'nosuch'"),
        (("rates", "last"), "rates is a study: it is reported alone"),
        (("last", "--seeds", "2"), "--set and --seeds go with a study"),
        (("last", "--since", "8h"), "--since and --json go with the short report"),
        (("--seeds", "2"), "go with a study or with -o"),
    ],
)
def test_what_does_not_go_together_is_refused(
    command: Command, filler: Filler, arguments: tuple[str, ...], said: str
) -> None:
    filler.queue("lazynet", name="there")
    result = command("report", *arguments)
    assert (result.status, said in result.err) == (2, True), result.err
