"""From a study to its runs: which pairs of presets, with which values, in which order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from typing import Any, cast

from pydantic import ValidationError

from lazytrain.presets.catalogue import Catalogue, Preset, override
from lazytrain.presets.errors import PresetError, explain_field
from lazytrain.presets.schema import Hyperparameters, Study

MOST_SEEDS = 1_000
"""More were never meant: a slip of the finger would fill the queue, or the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRun:
    """One run of a study: a pair of presets and the values it is to be trained with."""

    architecture: str
    hyperparameters: str
    values: Hyperparameters


def expand_study(
    catalogue: Catalogue,
    name: str,
    *,
    settings: Mapping[str, Any] | None = None,
    num_seeds: int | None = None,
    source: str = "--set",
) -> tuple[StudyRun, ...]:
    """The runs of the study called `name`, each once.

    The first seed's runs come first, then the second's, so that a whole picture is there before it is made finer.
    Within a seed they come as written: pair by pair, or hyperparameters by hyperparameters, then the grid's values (the
    last field changes fastest), with the architectures side by side.

    Args:
        settings: dotted field names with values for every run, laid over the study's own.
        num_seeds: so many seeds in place of the study's: its first ones, then the next whole numbers.
        source: where `settings` were written, for the error.

    Raises:
        PresetError: there is no such study, it is broken, or a value doesn't fit.
    """
    study = catalogue.study(name)
    extra = dict(settings or {})
    if "seed" in extra:
        raise PresetError(f"{source}: seed: a study's seeds are given by their number, with --seeds")
    seeds = _seeds(study, num_seeds)
    found = dict.fromkeys(run for seed in seeds for run in _runs(catalogue, study, {**extra, "seed": seed}, source))
    return tuple(found)


def check_studies(catalogue: Catalogue) -> dict[str, Preset[Study]]:
    """The catalogue's studies; one that can't be expanded is broken, with what is wrong in its file."""
    checked = dict(catalogue.studies)
    # Studies of studies last, so that they see which of their parts are broken.
    for name in sorted(checked, key=lambda name: _is_compound(checked[name])):
        preset = checked[name]
        if preset.value is None:
            continue
        known = Catalogue(catalogue.architectures, catalogue.hyperparameters, checked)
        problem = _find_problem(known, preset.value)
        if problem is not None:
            checked[name] = Preset(name, preset.path, preset.origin, error=f"{preset.path}: {problem}")
    return checked


def _is_compound(preset: Preset[Study]) -> bool:
    return preset.value is not None and preset.value.studies is not None


def _seeds(study: Study, count: int | None) -> tuple[int, ...]:
    if count is None:
        return study.seeds
    if count < 1:
        raise PresetError(f"--seeds {count}: at least 1")
    if count > MOST_SEEDS:
        raise PresetError(f"--seeds {count}: at most {MOST_SEEDS:,}")
    after = max(study.seeds) + 1
    return (*study.seeds, *range(after, after + count))[:count]


def _runs(catalogue: Catalogue, study: Study, settings: Mapping[str, Any], source: str) -> Iterator[StudyRun]:
    settings = {**study.settings, **settings}
    if study.studies is not None:
        for name in study.studies:
            yield from _runs(catalogue, catalogue.study(name), settings, source)
        return
    for architecture, hyperparameters, point in _points(study):
        preset = catalogue.hyperparameter_preset(hyperparameters)
        yield StudyRun(
            architecture=architecture,
            hyperparameters=hyperparameters,
            values=override(preset, {**point, **settings}, source),
        )


def _points(study: Study) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(architecture, hyperparameters, the grid's values) of each run of one seed."""
    points = [dict(zip(study.grid, values, strict=True)) for values in product(*study.grid.values())]
    if study.runs is not None:
        yield from ((pair.architecture, pair.hyperparameters, point) for pair in study.runs for point in points)
        return
    for hyperparameters, point, architecture in product(
        study.hyperparameters or ("default",), points, study.architectures or ()
    ):
        yield architecture, hyperparameters, point


# ── what is wrong with a study's file ──────────────────────────────────────────────────────────────────────


def _find_problem(catalogue: Catalogue, study: Study) -> str | None:
    """The first thing that doesn't work, as `field = value: what would be right`."""
    for field, value, kind, presets in _named(catalogue, study):
        if value not in presets:
            near = get_close_matches(value, presets, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(presets)}"
            return f"{field} = {value!r}: no {kind} of that name; {hint}"
        error = presets[value].error
        if error is not None:
            return f"{field} = {value!r}: it is broken: {error}"
        part = presets[value].value
        if isinstance(part, Study) and part.studies is not None:
            return f"{field} = {value!r}: it is made of studies itself; name those instead"
    return _find_bad_value(catalogue, study)


def _named(catalogue: Catalogue, study: Study) -> Iterator[tuple[str, str, str, Mapping[str, Preset[Any]]]]:
    """(field, value, what kind of preset it names, those there are)."""
    nets, settings = catalogue.architectures, catalogue.hyperparameters
    for number, pair in enumerate(study.runs or (), start=1):
        yield f"runs.{number}.architecture", pair.architecture, "architecture", nets
        yield f"runs.{number}.hyperparameters", pair.hyperparameters, "hyperparameters", settings
    lists = (
        ("architectures", study.architectures, "architecture", nets),
        ("hyperparameters", study.hyperparameters, "hyperparameters", settings),
        ("studies", study.studies, "study", catalogue.studies),
    )
    for field, names, kind, presets in lists:
        for number, name in enumerate(names or (), start=1):
            yield f"{field}.{number}", name, kind, presets


def _find_bad_value(catalogue: Catalogue, study: Study) -> str | None:
    """A field of `set` or `grid` that there isn't, a value that doesn't fit, or values that don't fit together."""
    for name, value in study.settings.items():
        if (error := _explain_value(f"set.{name}", name, value)) is not None:
            return error
    for name, values in study.grid.items():
        for number, value in enumerate(values, start=1):
            if (error := _explain_value(f"grid.{name}.{number}", name, value)) is not None:
                return error
    try:
        for seed in study.seeds[:1]:
            for _ in _runs(catalogue, study, {"seed": seed}, "a run of it"):
                pass
    except PresetError as error:
        return str(error)
    return None


def _explain_value(place: str, name: str, value: Any) -> str | None:
    """What is wrong with a value by itself; `place` is where it stands in the file."""
    fields: dict[str, Any] = {}
    *parents, leaf = name.split(".")
    target = fields
    for parent in parents:
        target = cast("dict[str, Any]", target.setdefault(parent, {}))
    target[leaf] = value
    try:
        Hyperparameters.model_validate(fields)
    except ValidationError as error:
        # What several fields do together is looked at with the whole run.
        words = next(
            (words for field, words in explain_field(error, Hyperparameters.model_fields).items() if field), ""
        )
        if not words:
            return None
        place = place.removesuffix(f".{name}") if words.startswith("unknown field") else place
        return f"{place}: {words}"
    return None
