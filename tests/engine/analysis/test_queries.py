"""The filter language: what fits, and what is said of a filter that can't be understood."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest

from lazytrain.engine.analysis.facts import KnownSettings, LoggedAccuracy, logged_accuracies, names_in
from lazytrain.engine.analysis.queries import QueryError, fields, parse_query, select, short_names
from lazytrain.engine.records import State
from lazytrain.engine.store.script_journal import ScriptJournal
from lazytrain.engine.store.series import Sample
from tests.helpers.monitor_data import Filler, fill

ALL = {
    "lazynet default epochs=10",
    "coolnet-v7 lr-10",
    "coolnet-v2 batch-20",
    "coolnet-v7 lr-0.1",
    "coolnet-v10 default",
    "boringnet-relu default",
    "boringnet-leaky-relu decreasing-lr epochs=20",
}


@pytest.fixture
def filler(home: Path) -> Filler:
    filler = fill(home)
    filler.journal.tag(filler.journal.find("coolnet-v2 batch-20").id, ["night", "first"])
    return filler


def found(filler: Filler, text: str) -> set[str]:
    return {run.name for run in select(parse_query(text), filler.journal.runs(), filler.journal, KnownSettings())}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ALL),
        ("   ", ALL),
        ("coolnet", {"coolnet-v7 lr-10", "coolnet-v2 batch-20", "coolnet-v7 lr-0.1", "coolnet-v10 default"}),
        ("CoolNet v7", {"coolnet-v7 lr-10", "coolnet-v7 lr-0.1"}),
        ("night", {"coolnet-v2 batch-20"}),
        ("lr>0.01", {"coolnet-v7 lr-10", "coolnet-v7 lr-0.1"}),
        ("learning_rate>=0.1 lr<10", {"coolnet-v7 lr-0.1"}),
        ("lr=10", {"coolnet-v7 lr-10"}),
        ("lr:0.1,10", {"coolnet-v7 lr-10", "coolnet-v7 lr-0.1"}),
        ("batch=20", {"coolnet-v2 batch-20"}),
        ("batch!=4", {"coolnet-v2 batch-20"}),
        ("epochs<50", {"lazynet default epochs=10", "boringnet-leaky-relu decreasing-lr epochs=20"}),
        ("epoch>=10", {"lazynet default epochs=10", "coolnet-v7 lr-0.1", "coolnet-v10 default"}),
        ("state:finished", {"lazynet default epochs=10"}),
        ("state:fin", {"lazynet default epochs=10"}),
        ("is:failed", {"coolnet-v7 lr-10"}),
        ("state=finished,failed", {"lazynet default epochs=10", "coolnet-v7 lr-10"}),
        ("state!=queued,failed,stopped,paused,running", {"lazynet default epochs=10"}),
        ("tag:nig", {"coolnet-v2 batch-20"}),
        ("tag=nig", set[str]()),
        ("tag!=night state:stopped", set[str]()),
        ("best>50", {"coolnet-v10 default"}),
        ("best>0.5", {"coolnet-v10 default"}),
        ("acc>50%", {"coolnet-v10 default"}),
        ("acc=55.0", {"coolnet-v10 default"}),
        ("arch=coolnet-v7", {"coolnet-v7 lr-10", "coolnet-v7 lr-0.1"}),
        ("arch:v7 preset=lr-10", {"coolnet-v7 lr-10"}),
        ("schedule:exp", {"boringnet-leaky-relu decreasing-lr epochs=20"}),
        ("nesterov:no deterministic=true", ALL),
        ("flip>0", set[str]()),
        ("augmentation.flip=0", ALL),
        ("time_budget_minutes=none", ALL),
        ("budget>1", set[str]()),
        ("threads=auto", set[str]()),
        ("time>6min", {"coolnet-v10 default"}),
        ('name:"v7 lr"', {"coolnet-v7 lr-10", "coolnet-v7 lr-0.1"}),
        ('"v7 lr-10"', {"coolnet-v7 lr-10"}),
        ("error:nan", {"coolnet-v7 lr-10"}),
        ("dataset:cifar loss=cross_entropy", ALL),
    ],
)
def test_finds_what_fits(filler: Filler, text: str, names: set[str]) -> None:
    assert found(filler, text) == names


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr>", "lr>: write a value, such as lr>0.01"),
        ("lr>fast", "lr>fast: fast is no number; write one, such as lr>0.01"),
        ("learnin_rate=1", "learnin_rate=1: there is no field learnin_rate; did you mean learning_rate?"),
        ("zzz=1", "zzz=1: there is no field zzz; such as lr, batch, epochs, acc, best, arch, tag, state"),
        ("state:done", "state:done: state is one of queued, starting, running"),
        ("state>finished", "state>finished: state has no order; write state:finished"),
        ("is:nice", "is:nice: state is one of queued"),
        ("optimizer=lion", "optimizer=lion: optimizer is one of sgd, adam, adamw"),
        ("nesterov=maybe", "nesterov=maybe: nesterov is yes or no"),
        ("time>soon", "time>soon: soon is no time; write one, such as time>90s, 10min, 2h"),
        ("lr>1,2", "lr>1,2: > takes one number, such as lr>0.01"),
    ],
)
def test_a_mistake_names_the_word_and_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse_query(text)
    assert str(refused.value).startswith(said)


def test_archived_runs_are_found_only_when_asked_for(filler: Filler) -> None:
    run = filler.journal.find("lazynet default epochs=10")
    filler.journal.put_away(run.id)
    assert run.name not in found(filler, "")
    assert run.name not in found(filler, "lazynet")
    for text in ("archived", "is:archived", "lazynet archived"):
        assert found(filler, text) == {run.name}
    filler.journal.put_away(run.id, away=False)
    assert found(filler, "archived") == set()


def test_configurations_are_read_only_when_a_condition_needs_them_and_once(
    filler: Filler, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    settings = type(filler.journal).settings
    monkeypatch.setattr(
        type(filler.journal), "settings", lambda self, ids: read.append(len(ids)) or settings(self, ids)
    )
    known, runs = KnownSettings(), filler.journal.runs()
    select(parse_query("coolnet state:finished best>10"), runs, filler.journal, known)
    assert read == []
    for text in ("lr>0.1", "batch=4"):
        select(parse_query(text), runs, filler.journal, known)
    assert read == [len(runs)]
    new = filler.queue("lazynet")
    assert len(select(parse_query("batch=4 state:queued"), filler.journal.runs(), filler.journal, known)) == 3
    assert read == [len(runs), 1]
    filler.end(new, State.STOPPED)


def test_a_setting_that_is_newer_than_the_run_has_its_default(filler: Filler) -> None:
    run = filler.journal.find("lazynet default epochs=10")
    filler.journal.connection.execute(
        "UPDATE runs SET configuration = json_remove(configuration, '$.hyperparameters.deterministic') WHERE id = ?",
        (run.id,),
    )
    assert run.name in found(filler, "deterministic=yes")


def test_every_short_name_stands_for_a_field() -> None:
    assert set(short_names().values()) <= set(fields())
    assert not set(short_names()) & set(fields())
    assert {"lr", "batch", "acc", "best", "arch", "flip"} <= set(short_names())
    assert {"epochs", "learning_rate", "augmentation.shift_pixels", "seed"} <= set(fields())


def test_a_filter_on_what_the_list_tells_takes_no_pydantic() -> None:
    code = (
        "import sys; from lazytrain.engine.analysis.queries import parse_query;"
        "print(len(parse_query('coolnet state:finished best>60 tag:night').conditions), 'pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["3", "False"]


@pytest.fixture
def scripts(home: Path) -> ScriptJournal:
    """Three programs' runs beside those of lazytrain."""
    fill(home).journal.close()
    journal = ScriptJournal(home)
    for name, rate, bleu in (("small", 0.1, 20.0), ("large", 0.001, 35.0), ("broken", 0.01, math.nan)):
        run = journal.add_script(
            name,
            project="mnist" if name == "small" else "wmt",
            group="sweep",
            details={
                "config": {"lr": rate, "model": {"kind": name, "wide": name == "large"}},
                "summary": {"score": bleu} if name == "large" else {},
                "metrics": {"val/speed": {"goal": "minimize", "summary": "best"}},
            },
        )
        samples = [Sample(step, 0.0, bleu - step) for step in range(3)]
        journal.write_series(run.id, {"val/bleu": samples, "val/speed": samples, "my loss": samples}, {})
    return journal


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("bleu>30", {"large"}),
        ("val/bleu<=18", {"small"}),
        ("bleu=33", {"large"}),
        ("bleu.best>=35", {"large"}),
        ("bleu.max>19 bleu.min<19", {"small"}),
        ("bleu.last<0", set[str]()),
        ("speed>17 speed<30", {"small"}),
        ('"my loss">20', {"large"}),
        ("score>30", {"large"}),
        ("project:mnist", {"small"}),
        ("group=sweep config.lr<0.01", {"large"}),
        ("config.lr<=0.01 kind:script", {"large", "broken"}),
        ("config.lr>1", {"coolnet-v7 lr-10"}),
        ("lr=0.001", {"large"}),
        ("model.wide:yes", {"large"}),
        ("config.model.kind:small", {"small"}),
        ("model.kind=large,broken", {"large", "broken"}),
        ("wmt large", {"large"}),
        ("lr=0.01 kind:script", {"broken"}),
    ],
)
def test_metrics_and_configs_are_fields(scripts: ScriptJournal, text: str, names: set[str]) -> None:
    query = parse_query(text, lambda: names_in(scripts))
    known = KnownSettings()
    assert {run.name for run in select(query, scripts.runs(), scripts, known)} == names
    assert {run.name for run in select(query, scripts.runs(), scripts, known)} == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("acc>60 kind:script", {"small", "large"}),
        ("acc>0.7 kind:script", {"large"}),
        ("best>=70 acc<70 kind:script", {"small"}),
        ("accuracy=80", {"large"}),
    ],
)
def test_accuracies_are_those_that_programs_log_too(scripts: ScriptJournal, text: str, names: set[str]) -> None:
    fractions = {"val/acc": [0.4, 0.7, 0.65], "train/acc": [0.9, 0.9, 0.9], "other": [1.0]}
    for name, series in (("small", fractions), ("large", {"accuracy": [20.0, 80.0]})):
        samples = {
            each: [Sample(step, 0.0, value) for step, value in enumerate(values)] for each, values in series.items()
        }
        scripts.write_series(scripts.find(name).id, samples, {})
    query = parse_query(text, lambda: names_in(scripts))
    found = select(query, scripts.runs(), scripts, KnownSettings())
    assert {run.name for run in found} == names
    accuracies = logged_accuracies(scripts, scripts.runs())
    told = {run.name: accuracies[run.id] for run in scripts.runs() if run.id in accuracies}
    assert told == {"small": LoggedAccuracy(0.7, 0.65), "large": LoggedAccuracy(0.8, 0.8)}


def test_a_run_at_work_is_looked_at_again(scripts: ScriptJournal) -> None:
    known, query = KnownSettings(), parse_query("bleu>40", lambda: names_in(scripts))
    assert select(query, scripts.runs(), scripts, known) == []
    run = scripts.find("small")
    scripts.write_series(run.id, {"val/bleu": [Sample(9, 0.0, 50.0)]}, {})
    assert [each.id for each in select(query, scripts.runs(), scripts, known)] == [run.id]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("blue>30", "there is no field blue; did you mean bleu"),
        ("config.rate>30", "there is no field config.rate"),
        ("loss<1", "loss has no order"),
        ("val/bleu>high", "high is no number"),
    ],
)
def test_what_no_metric_is_called(scripts: ScriptJournal, text: str, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        parse_query(text, lambda: names_in(scripts))
