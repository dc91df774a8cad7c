"""Studies: what the shipped ones expand to, grids, seeds and mistakes; which runs count as the same experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazytrain.engine.analysis.identity import digest_module, freeze, identify
from lazytrain.engine.configuration import RunConfiguration
from lazytrain.engine.data.datasets import DatasetError, DatasetFacts, describe_dataset
from lazytrain.engine.queue.estimate import check_configuration
from lazytrain.engine.queue.studies import PlannedRun, Standing, Twins, launch_order, plan_study, queue_run, standing
from lazytrain.engine.records import Run, State
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.store import Store
from lazytrain.presets import (
    Architecture,
    Augmentation,
    Catalogue,
    Hyperparameters,
    PresetError,
    expand_study,
    load_catalogue,
)
from tests.helpers import ROOT
from tests.helpers.examples import examples

FINALISTS = ("coolnet-v10", "coolnet-v7")


def pairs(*hyperparameters: str) -> list[tuple[str, str]]:
    return [(net, values) for values in hyperparameters for net in FINALISTS]


def defaults(*architectures: str) -> list[tuple[str, str]]:
    return [(net, "default") for net in architectures]


SHIPPED = {
    "learning-rate": pairs("lr-10", "lr-0.1", "default", "lr-0.0001"),
    "batch-size": pairs("batch-20", "batch-10", "batch-5", "default"),
    "decreasing-lr": pairs("default", "decreasing-lr"),
    "augmentation": pairs("default", "augmentation"),
    "mse": pairs("default", "mse"),
    "activations": defaults("boringnet", "boringnet-relu", "boringnet-leaky-relu"),
    "architectures": defaults("lazynet", "boringnet", "boringnet-relu", "boringnet-leaky-relu", "coolnet-v10"),
    "coolnet-variants": defaults(
        *(f"coolnet-v{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 10)), "coolnet-v2-k3", "coolnet-v2-k9"
    ),
}
"""As the report's tables have them."""
CIFAR10 = describe_dataset("cifar10", Path("nowhere"), Path("nowhere"))
DIGITS = describe_dataset("digits", Path("nowhere"), Path("nowhere"))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def describe(values: Hyperparameters) -> DatasetFacts | DatasetError:
    return {"cifar10": CIFAR10, "digits": DIGITS}.get(values.dataset) or DatasetError("not there")


def named(catalogue: Catalogue, study: str, **options: Any) -> list[tuple[str, str]]:
    return [(run.architecture, run.hyperparameters) for run in expand_study(catalogue, study, **options)]


def write_study(home: Path, text: str, name: str = "mine") -> Path:
    path = home / "presets" / "studies" / f"{name}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'title = "mine"\n{text}\n', encoding="utf-8")
    return path


# ── what the shipped ones are ──────────────────────────────────────────────────────────────────────────────


def test_the_shipped_studies(catalogue: Catalogue) -> None:
    assert list(catalogue.studies) == [*SHIPPED, "whole-report"]
    assert [preset.error for preset in catalogue.studies.values() if preset.error] == []


@pytest.mark.parametrize("study", SHIPPED)
def test_a_shipped_study_is_the_reports(catalogue: Catalogue, study: str) -> None:
    assert named(catalogue, study) == SHIPPED[study]
    assert catalogue.study(study).report
    for run in expand_study(catalogue, study):
        assert run.values == catalogue.hyperparameter_preset(run.hyperparameters).values


def test_the_whole_report_has_every_experiment_once(catalogue: Catalogue) -> None:
    runs = named(catalogue, "whole-report")
    assert len(runs) == len(set(runs)) == 33
    assert set(runs) == {pair for study in SHIPPED.values() for pair in study}


def test_every_run_of_the_whole_report_passes_the_layer_check(catalogue: Catalogue) -> None:
    planned = plan_study(catalogue, "whole-report", describe)
    for each in planned:
        assert each.facts is not None
        check_configuration(each.configuration, each.facts, each.path)
    assert len({each.identity for each in planned}) == len({each.name for each in planned}) == 33


# ── grids, seeds, settings ─────────────────────────────────────────────────────────────────────────────────


def test_a_grid_of_presets_and_fields(home: Path) -> None:
    write_study(
        home,
        'architectures = ["lazynet", "boringnet"]\nhyperparameters = ["default", "batch-20"]\nseeds = [0, 7]\n'
        '[grid]\nlearning_rate = [10.0, 0.1]\n"augmentation.flip" = [0, 0.5]\n[set]\nepochs = 3\n',
    )
    runs = expand_study(load_catalogue(home / "presets"), "mine")
    assert len(runs) == 2 * 2 * 2 * 2 * 2
    assert [run.values.seed for run in runs] == [0] * 16 + [7] * 16, "seeds come last"
    first = [
        (run.hyperparameters, run.values.learning_rate, run.values.augmentation.flip, run.architecture)
        for run in runs[:5]
    ]
    assert first == [
        ("default", 10.0, 0.0, "lazynet"),
        ("default", 10.0, 0.0, "boringnet"),
        ("default", 10.0, 0.5, "lazynet"),
        ("default", 10.0, 0.5, "boringnet"),
        ("default", 0.1, 0.0, "lazynet"),
    ]
    assert {run.values.epochs for run in runs} == {3}
    assert {run.values.batch_size for run in runs[8:16]} == {20}


def test_pairs_with_a_grid(home: Path) -> None:
    write_study(
        home,
        'runs = [{ architecture = "lazynet" }, { architecture = "boringnet", hyperparameters = "mse" }]\n'
        "[grid]\nbatch_size = [4, 8]\n",
    )
    runs = expand_study(load_catalogue(home / "presets"), "mine")
    assert [(run.architecture, run.hyperparameters, run.values.batch_size) for run in runs] == [
        *(("lazynet", "default", 4), ("lazynet", "default", 8)),
        *(("boringnet", "mse", 4), ("boringnet", "mse", 8)),
    ]


def test_seeds_and_settings_from_outside(catalogue: Catalogue) -> None:
    runs = expand_study(catalogue, "activations", settings={"epochs": 2}, num_seeds=3)
    assert [run.values.seed for run in runs] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert {run.values.epochs for run in runs} == {2}
    with pytest.raises(PresetError, match=r"--set: epochs = 0: must be greater"):
        expand_study(catalogue, "activations", settings={"epochs": 0})
    with pytest.raises(PresetError, match=r"--set: unknown field epoch"):
        expand_study(catalogue, "activations", settings={"epoch": 1})
    with pytest.raises(PresetError, match="--seeds"):
        expand_study(catalogue, "activations", settings={"seed": 1})
    with pytest.raises(PresetError, match="--seeds 0: at least 1"):
        expand_study(catalogue, "activations", num_seeds=0)


def test_a_study_with_seeds_of_its_own_keeps_them_first(home: Path) -> None:
    write_study(home, 'architectures = ["lazynet"]\nseeds = [5, 9]')
    catalogue = load_catalogue(home / "presets")
    for count, seeds in ((None, [5, 9]), (1, [5]), (4, [5, 9, 10, 11])):
        assert [run.values.seed for run in expand_study(catalogue, "mine", num_seeds=count)] == seeds


def test_names_tell_run_and_study_and_never_collide(home: Path) -> None:
    write_study(home, 'architectures = ["lazynet"]\nseeds = [0, 1]\n[grid]\nlearning_rate = [0.1, 0.10000001, 0.01]')
    planned = plan_study(load_catalogue(home / "presets"), "mine", describe)
    assert [each.name for each in planned] == [
        "lazynet default lr=0.1 (mine)",
        "lazynet default lr=0.10000001 (mine)",
        "lazynet default (mine)",
        "lazynet default lr=0.1 seed=1 (mine)",
        "lazynet default lr=0.10000001 seed=1 (mine)",
        "lazynet default seed=1 (mine)",
    ]
    with Store(home) as store:
        names = [queue_run(store, each, None, again=True).name for each in (*planned, *planned)]
    assert len(set(names)) == 12


def test_the_pages_example_is_as_it_says(home: Path) -> None:
    page = (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    example = page.partition("# presets/studies/rates.toml\n")[2].partition("```")[0]
    write_study(home, example.partition("\n")[2], "rates")
    runs = expand_study(load_catalogue(home / "presets"), "rates")
    assert len(runs) == 36
    assert "= 36 runs" in example


# ── mistakes ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["exactly one of architectures, runs, studies (given: none)"]),
        ('architectures = ["lazynet"]\nstudies = ["mse"]', ["given: architectures, studies"]),
        ("architectures = []", ["architectures = []: must have at least 1 item"]),
        ('architectures = ["lazynet", "coolnet-v77"]', ["architectures.2 = 'coolnet-v77'", "did you mean coolnet-v7?"]),
        ('architectures = ["lazynet"]\nhyperparameters = ["xyz"]', ["hyperparameters.1 = 'xyz'", "there are: quick"]),
        ('runs = [{ architecture = "lasynet" }]', ["runs.1.architecture = 'lasynet'", "did you mean lazynet?"]),
        ('runs = [{ architectur = "lazynet" }]', ["runs.1.architecture is missing", "did you mean architecture?"]),
        ('runs = [{ architecture = "lazynet" }]\nhyperparameters = ["mse"]', ["hyperparameters goes with"]),
        ('studies = ["msee"]', ["studies.1 = 'msee'", "no study", "did you mean mse?"]),
        ('studies = ["whole-report"]', ["studies.1 = 'whole-report'", "made of studies itself"]),
        ('studies = ["mine"]', ["studies.1 = 'mine'", "made of studies itself"]),
        ('studies = ["mse"]\n[grid]\nepochs = [1, 2]', ["grid goes with architectures or runs"]),
        ('architectures = ["lazynet"]\nsets = 3', ["unknown field sets = 3: did you mean set?"]),
        ('architectures = ["lazynet"]\nseeds = [1, 1]', ["seeds = [1, 1]: each seed once"]),
        ('architectures = ["lazynet"]\nseeds = [-1]', ["seeds.1 = -1", "greater than or equal to 0"]),
        ('architectures = ["lazynet"]\n[set]\nseed = 3', ["set.seed", "seeds = [0, 1, 2]"]),
        ('architectures = ["lazynet"]\n[set]\nepoch = 3', ["set: unknown field epoch = 3: did you mean epochs?"]),
        ('architectures = ["lazynet"]\n[set]\nepochs = 0', ["set.epochs: epochs = 0: must be greater"]),
        (
            'architectures = ["lazynet"]\n[grid]\nlearning_rate = []',
            ["learning_rate = []: must have at least 1"],
        ),
        ('architectures = ["lazynet"]\n[grid]\nlearning_rate = [1, -1]', ["grid.learning_rate.2: learning_rate = -1"]),
        ('architectures = ["lazynet"]\n[grid]\n"augmentation.flop" = [1]', ["unknown field", "augmentation.flop = 1"]),
        ('architectures = ["lazynet"]\n[grid]\nepochs = [1]\n[set]\nepochs = 2', ["epochs is in set and in grid"]),
        ('architectures = ["lazynet"]\n[set]\nmomentum = 0.9\noptimizer = "adam"', ["momentum = 0.9", "'sgd'"]),
    ],
)
def test_mistakes_name_file_field_value_and_what_would_be_right(home: Path, text: str, words: list[str]) -> None:
    path = write_study(home, text)
    catalogue = load_catalogue(home / "presets")
    error = catalogue.studies["mine"].error
    assert error is not None
    for word in (str(path), *words):
        assert word in error
    assert [name for name, preset in catalogue.studies.items() if preset.error] == ["mine"]
    assert "Tuple" not in error
    with pytest.raises(PresetError, match=r"mine\.toml"):
        expand_study(catalogue, "mine")


def test_a_study_of_a_broken_preset_is_broken_and_so_is_one_of_that_study(home: Path) -> None:
    write_study(home, 'architectures = ["odd"]')
    write_study(home, 'studies = ["mine", "mse"]', "both")
    folder = home / "presets" / "architectures"
    folder.mkdir()
    (folder / "odd.toml").write_text("layers = 3")
    catalogue = load_catalogue(home / "presets")
    assert "architectures.1 = 'odd': it is broken" in str(catalogue.studies["mine"].error)
    assert "studies.1 = 'mine': it is broken" in str(catalogue.studies["both"].error)
    assert catalogue.studies["mse"].error is None


# ── the same experiment ────────────────────────────────────────────────────────────────────────────────────


def configuration(architecture: str = "lazynet", **values: Any) -> RunConfiguration:
    return RunConfiguration(
        architecture_name=architecture,
        architecture=load_catalogue().architecture(architecture),
        hyperparameters=Hyperparameters(**values),
    )


BASE = configuration()
CHANGES: dict[str, st.SearchStrategy[Any]] = {
    "image_size": st.just(32),  # says nothing for cifar10
    "epochs": st.integers(1, 300),
    "batch_size": st.integers(1, 512),
    "learning_rate": st.floats(1e-6, 100),
    "momentum": st.floats(-0.0, 0.99),
    "weight_decay": st.floats(-0.0, 1),
    "schedule": st.sampled_from(["constant", "exponential", "step", "cosine", "one_cycle"]),
    "loss": st.sampled_from(["cross_entropy", "mse"]),
    "validation_fraction": st.floats(0, 0.9),
    "on_nan": st.sampled_from(["stop", "continue"]),
    "early_stopping_epochs": st.integers(0, 9),
    "time_budget_minutes": st.none() | st.floats(0.5, 100),
    "deterministic": st.booleans(),
    "seed": st.integers(0, 2**62),
    "dataset": st.sampled_from(["cifar10", "digits", "folder:a", "folder:b"]),
}


@settings(max_examples=examples(150), suppress_health_check=[HealthCheck.too_slow])
@given(st.fixed_dictionaries({}, optional=CHANGES))
def test_an_identity_changes_if_and_only_if_something_that_counts_does(changes: dict[str, Any]) -> None:
    values = Hyperparameters(**changes)
    other = BASE.model_copy(update={"hyperparameters": values})
    same = values.model_dump() == BASE.hyperparameters.model_dump()
    assert (identify(other) == identify(BASE)) == same
    again = RunConfiguration.model_validate_json(other.model_dump_json())
    assert identify(again) == identify(other), "what the store gives back is the same"


@given(
    st.text(min_size=1, max_size=5), st.text(max_size=5), st.sampled_from(["auto", "cpu", "cuda:1"]), st.integers(1, 8)
)
def test_names_words_device_and_threads_do_not_count(name: str, words: str, device: str, threads: int) -> None:
    values = BASE.hyperparameters.model_copy(update={"threads": threads})
    net = BASE.architecture.model_copy(update={"title": name, "about": words, "report": None})
    other = BASE.model_copy(
        update={
            "architecture_name": name,
            "architecture": net,
            "hyperparameters_name": words,
            "hyperparameters": values,
            "edits": (words,),
            "device": device,
        }
    )
    assert identify(other) == identify(BASE)


def test_the_size_counts_where_images_are_resized() -> None:
    def identity(dataset: str, size: int) -> str:
        values = Hyperparameters(dataset=dataset, image_size=size)
        return identify(BASE.model_copy(update={"hyperparameters": values}))

    assert identity("cifar10", 32) == identity("cifar10", 64)
    assert identity("torchvision:CIFAR10", 32) != identity("torchvision:CIFAR10", 64)
    assert identity("torchvision:MNIST", 32) != identity("torchvision:KMNIST", 32)


@pytest.mark.parametrize(
    ("field", "value", "switch"),
    [
        ("shift_pixels", 7, {"shift": 0.5}),
        ("rotation_degrees", 7.0, {"rotation": 0.5}),
        ("colour_strength", 0.7, {"colour": 0.5}),
        ("decay_epochs", 3.0, {"schedule": "step"}),
        ("decay_factor", 0.3, {"schedule": "exponential"}),
    ],
)
def test_a_field_without_effect_does_not_count(field: str, value: float, switch: dict[str, Any]) -> None:
    def identity(fields: dict[str, Any]) -> str:
        nested = {"augmentation": fields} if field in Augmentation.model_fields else fields
        return identify(BASE.model_copy(update={"hyperparameters": Hyperparameters.model_validate(nested)}))

    assert identity({field: value}) == identity({})
    assert identity({**switch, field: value}) != identity(switch)


def test_every_layer_and_its_settings_count(catalogue: Catalogue) -> None:
    identities = {
        identify(BASE.model_copy(update={"architecture": preset.get()})) for preset in catalogue.architectures.values()
    }
    assert len(identities) == len(catalogue.architectures)

    def net(*layers: Any) -> str:
        return identify(
            BASE.model_copy(update={"architecture": Architecture.model_validate({"title": "t", "layers": layers})})
        )

    assert net("leaky_relu") == net({"leaky_relu": 0.01}) != net({"leaky_relu": 0.02})
    assert net({"maxpool": 2}) == net({"maxpool": 2, "stride": 2}) != net({"maxpool": 2, "stride": 1})
    assert net({"maxpool": 2}) != net({"avgpool": 2})
    assert net({"conv": 4, "kernel": 3}) != net({"conv": 4, "kernel": 3, "bias": False})
    assert net("relu", "tanh") != net("tanh", "relu")


def test_the_source_of_a_module_counts(tmp_path: Path) -> None:
    (tmp_path / "my_nets.py").write_text("class Net: ...")
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "net.py").write_text("class Net: ...")
    for reference, file in (("my_nets:Net", tmp_path / "my_nets.py"), ("my_package.net:Net", package / "net.py")):
        net = Architecture(title="t", module=reference)
        mine = BASE.model_copy(update={"architecture": net})
        before = identify(freeze(mine, CIFAR10, tmp_path))
        assert before == identify(freeze(mine, CIFAR10, tmp_path)) != identify(mine)
        wider = mine.model_copy(update={"architecture": net.model_copy(update={"arguments": {"width": 2}})})
        assert identify(freeze(wider, CIFAR10, tmp_path)) != before
        file.write_text("class Net: pass")
        assert identify(freeze(mine, CIFAR10, tmp_path)) != before
    assert digest_module("nowhere_at_all:Net", tmp_path) is None


def test_a_folders_files_count_and_its_path_does_not(tmp_path: Path) -> None:
    for folder, size in (("a", 3), ("b", 3), ("c", 4)):
        for place in ("train/cat", "train/dog", "test/cat", "test/dog"):
            path = tmp_path / folder / place
            path.mkdir(parents=True)
            (path / "1.png").write_bytes(b"x" * size)

    def identity(folder: str, size: int = 32) -> str:
        values = {"dataset": f"folder:{folder}", "image_size": size}
        facts = describe_dataset(values["dataset"], tmp_path, tmp_path, size)
        return identify(freeze(configuration(**values), facts))

    assert identity("a") == identity("b") == identity(str(tmp_path / "a"))
    assert identity("a") != identity("c")
    assert identity("a") != identity("a", 64)


# ── what is there already ──────────────────────────────────────────────────────────────────────────────────


def plan(catalogue: Catalogue, **settings: Any) -> tuple[PlannedRun, ...]:
    return plan_study(catalogue, "activations", describe, settings=settings)


def end(home: Path, run: Run, state: State, **facts: Any) -> None:
    with Journal(home) as journal:
        journal.claim(run.id)
        journal.end(run.id, state, **facts)


def test_what_is_there_is_found_whatever_it_is_called(home: Path, catalogue: Catalogue) -> None:
    planned = plan(catalogue)
    with Store(home) as store:
        twins = Twins()
        other = plan(catalogue, epochs=3)
        for each in other:
            queue_run(store, each, None)
        assert twins.find(store, planned, store.runs()) == {}
        renamed = planned[1].configuration.model_copy(update={"architecture_name": "mine", "device": "cpu"})
        run = store.add_run(renamed, "something else")
        assert twins.find(store, planned, store.runs()) == {planned[1].identity: run}
        store.discard(run.id)
        assert twins.find(store, planned, store.runs()) == {}


def test_the_run_that_got_furthest_is_the_one_that_counts(home: Path, catalogue: Catalogue) -> None:
    first, *_ = plan(catalogue)
    with Store(home) as store:
        stopped, queued, finished = (queue_run(store, first, None, again=True) for _ in range(3))
        store.stop(stopped.id)
        twins = Twins()
        assert twins.find(store, [first], store.runs())[first.identity].id == queued.id
        end(home, finished, State.FINISHED)
        assert twins.find(store, [first], store.runs())[first.identity].id == finished.id


def test_standing_and_what_queueing_does(home: Path, catalogue: Catalogue) -> None:
    first, *_ = plan(catalogue)
    with Store(home) as store:
        assert standing(None) is Standing.NEW
        run = queue_run(store, first, None)
        assert standing(run) is Standing.UNDERWAY
        assert queue_run(store, first, run) == run
        store.stop(run.id)
        assert standing(store.run(run.id)) is Standing.KEPT
        assert queue_run(store, first, store.run(run.id)).id == run.id
        assert store.run(run.id).state is State.QUEUED
        end(home, run, State.FAILED, error="loss became NaN at step 3 (epoch 1): try a lower learning rate")
        assert standing(store.run(run.id)) is Standing.DONE
        again = queue_run(store, first, store.run(run.id), again=True)
        assert (again.id != run.id, again.name) == (True, "boringnet default (activations) #2")
        end(home, again, State.FAILED, error="out of memory")
        assert standing(store.run(again.id)) is Standing.KEPT
        end(home, queue_run(store, first, store.run(again.id)), State.FINISHED)
        assert standing(store.run(again.id)) is Standing.DONE
        assert len(store.runs()) == 2


def test_short_runs_go_first_once_all_times_are_known_and_seeds_last(catalogue: Catalogue) -> None:
    planned = plan_study(catalogue, "activations", describe, num_seeds=2)
    assert launch_order(planned, [3, 1, 2, 3, 1, 2]) == [1, 2, 0, 4, 5, 3]
    assert launch_order(planned, [3, None, 2, 3, 1, 2]) == [0, 1, 2, 3, 4, 5]
    assert launch_order(planned, [1] * 6) == [0, 1, 2, 3, 4, 5]


def test_data_that_is_not_there_is_said_with_each_run(home: Path) -> None:
    write_study(home, 'architectures = ["lazynet"]\n[set]\ndataset = "folder:x"')
    (only,) = plan_study(load_catalogue(home / "presets"), "mine", describe)
    assert (only.facts, only.error) == (None, "not there")
