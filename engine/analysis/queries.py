"""The filter language of the run list: `coolnet lr>0.01 state:finished tag:night batch=4 acc>60`.

A filter is words and conditions, and a run has to fit all of them. A word is text in the run's name, its tags or its
architecture's name; `archived` (or `is:archived`) lets archived runs through, which are left out otherwise. A condition
is `field`, one of `= != < <= > >= :`, and a value: `:` asks for equal numbers, and for text within text. Several values
are separated by commas: `batch=4,20` is either, `state!=failed,stopped` neither. A value with blanks stands in quotes:
`name:"lr 0.1"`. Accuracies are in %, times take a unit (`time>2h`); `acc` and `best` ask programs' runs for the
accuracy that they log, whether in % or as a fraction.

A metric's name is a field too: `bleu>30` looks at the figure that stands for it, its last value unless the program said
otherwise, and at `val/bleu` where there is no `bleu`; `bleu.best`, `.last`, `.min` and `.max` say which. So is what a
program was begun with: `config.lr<0.01`. A name with blanks stands in quotes: `"test/macro F1">0.8`.

Every hyperparameter is a field, by its own name (`augmentation.flip`, or just `flip`); `fields` has them all. They are
looked up, which takes pydantic, only for a name that isn't one of a run's own.
"""

from __future__ import annotations

import difflib
import functools
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from lazytrain.engine.analysis.facts import KnownSettings, Names, Settings, defaults, figure_key
from lazytrain.engine.analysis.metric_names import accuracies_in, accuracy_share, split_name
from lazytrain.engine.records import Kind as RunKind
from lazytrain.engine.records import Run, State, TrainerState
from lazytrain.engine.store.reading import Reader

Kind = Literal["number", "percent", "time", "text", "choice", "flag", "any"]

_TOKEN = re.compile(r'(?:"[^"]*"?|[^\s"])+')
_CONDITION = re.compile(r"(\"[^\"]+\"|[A-Za-z_][\w./-]*)(!=|<=|>=|=|<|>|:)(.*)", re.DOTALL)
_TIME = re.compile(r"([\d.]+)\s*(s|min|m|h|d)?")
_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARCHIVED = "archived"
STATES = (*(state.value for state in State), TrainerState.SUSPENDED.value)
FLAGS = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
UNORDERED: tuple[Kind, ...] = ("text", "choice", "flag")
WORDS_FOR_NUMBERS = ("none", "auto")
"""Values of fields that are numbers otherwise."""


CONFIG = "config."
FIGURES = ("best", "last", "min", "max")
"""Of a metric, after its name and a point."""


class QueryError(ValueError):
    """A filter can't be understood; the message names the word and says what would be right."""


@dataclass(frozen=True, slots=True)
class QueryField:
    """Something of a run that a condition can be about."""

    name: str
    kind: Kind
    get: Callable[[Run, Settings], Any]
    choices: tuple[str, ...] = ()
    configured: bool = False
    """Whether it is read from the run's configuration, and not from its line."""
    example: str = ""
    metrics: tuple[str, ...] = ()
    """The metrics it may be about: the first that a run has."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`lr>0.01`: fits a run, or not."""

    word: str
    field: QueryField
    holds: Callable[[Any], bool]

    def fits(self, run: Run, settings: Settings) -> bool:
        return self.holds(self.field.get(run, settings))


@dataclass(frozen=True, slots=True)
class Query:
    """A filter that was understood."""

    text: str = ""
    words: tuple[str, ...] = ()
    """In small letters."""
    conditions: tuple[Condition, ...] = ()
    archived: bool = False
    """Whether only archived runs fit, which are left out otherwise."""

    @property
    def configured(self) -> bool:
        """Whether runs' configurations are needed."""
        return any(condition.field.configured for condition in self.conditions)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics whose figures are needed."""
        return tuple(dict.fromkeys(name for condition in self.conditions for name in condition.field.metrics))

    def fits(self, run: Run, settings: Settings) -> bool:
        """Whether the run fits; `settings` may be empty unless `configured`."""
        if run.archived is not self.archived:
            return False
        if self.words:
            own = " ".join((run.name, run.architecture, run.project, *run.tags)).casefold()
            if not all(word in own for word in self.words):
                return False
        return all(condition.fits(run, settings) for condition in self.conditions)


def parse_query(text: str, names: Callable[[], Names] = Names) -> Query:
    """Understand a filter; the empty one lets every run through that isn't archived. Raises QueryError.

    Args:
        names: asked for once a name is no field that every run has.
    """
    words: list[str] = []
    conditions: list[Condition] = []
    archived = False
    for token in _TOKEN.findall(text):
        condition = _CONDITION.fullmatch(token)
        if condition is None:
            plain = token.replace('"', "").casefold()
            archived |= plain == ARCHIVED
            words += [plain] if plain and plain != ARCHIVED else []
        elif condition[1].casefold() == "is":
            if condition[3].casefold() == ARCHIVED:
                archived = True
            else:
                conditions.append(_condition(token, "state", ":", condition[3], names))
        else:
            conditions.append(_condition(token, condition[1].strip('"'), condition[2], condition[3], names))
    return Query(" ".join(text.split()), tuple(words), tuple(conditions), archived)


def select(query: Query, runs: Sequence[Run], reader: Reader, known: KnownSettings) -> list[Run]:
    """The runs that fit, in their order. Reads configurations only where a condition asks for one."""
    if not query.configured and not query.metrics:
        return [run for run in runs if query.fits(run, {})]
    settings = known.read(reader, runs) if query.configured else {run.id: {} for run in runs}
    if query.metrics:
        figures = known.figures(reader, runs, query.metrics)
        settings = {run_id: {**each, **figures.get(run_id, {})} for run_id, each in settings.items()}
    return [run for run in runs if run.id in settings and query.fits(run, settings[run.id])]


# ── fields ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _standings(run: Run) -> tuple[str, ...]:
    """The run's state, and what the list shows in its place where its trainer is frozen or dead."""
    match run.trainer:
        case TrainerState.ALIVE:
            return (run.state.value,)
        case TrainerState.SUSPENDED:
            return (run.state.value, TrainerState.SUSPENDED.value)
        case TrainerState.GONE:
            return (run.state.value, State.INTERRUPTED.value)


RUN_FIELDS: dict[str, QueryField] = {
    field.name: field
    for field in (
        QueryField("state", "choice", lambda run, _: _standings(run), STATES, example="finished"),
        QueryField("name", "text", lambda run, _: run.name, example="coolnet"),
        QueryField("id", "text", lambda run, _: run.id, example="3f0a"),
        QueryField("tag", "text", lambda run, _: run.tags, example="night"),
        QueryField("note", "text", lambda run, _: run.note, example="again"),
        QueryField("architecture", "text", lambda run, _: run.architecture, example="coolnet-v10"),
        QueryField("preset", "text", lambda run, _: run.hyperparameters, example="quick"),
        QueryField("project", "text", lambda run, _: run.project, example="mnist"),
        QueryField("group", "text", lambda run, _: run.run_group, example="sweep-1"),
        QueryField("kind", "choice", lambda run, _: run.kind.value, tuple(RunKind), example="script"),
        QueryField("device", "text", lambda run, _: run.device or "", example="cpu"),
        QueryField("error", "text", lambda run, _: run.error or "", example="nan"),
        QueryField("epoch", "number", lambda run, _: run.epoch, example="10"),
        QueryField("step", "number", lambda run, _: run.step, example="1000"),
        QueryField("time", "time", lambda run, _: run.seconds, example="10min"),
        QueryField("best_accuracy", "percent", lambda run, _: run.best_accuracy, example="60"),
        QueryField("test_accuracy", "percent", lambda run, _: run.test_accuracy, example="60"),
        QueryField("train_accuracy", "percent", lambda run, _: run.train_accuracy, example="90"),
        QueryField("test_loss", "number", lambda run, _: run.test_loss, example="1.2"),
        QueryField("train_loss", "number", lambda run, _: run.train_loss, example="0.5"),
    )
}
"""What a run's line tells."""
LOGGED_TOO = {"test_accuracy": "last", "best_accuracy": "max"}
"""Fields that runs of programs have where they log an accuracy, and which of its figures that is."""
SHORT_RUN_FIELDS: dict[str, str] = {
    **{"acc": "test_accuracy", "accuracy": "test_accuracy", "best": "best_accuracy", "train_acc": "train_accuracy"},
    **{"arch": "architecture", "net": "architecture", "hyperparameters": "preset", "tags": "tag"},
}


@functools.cache
def fields() -> dict[str, QueryField]:
    """Every field by its own name."""
    return RUN_FIELDS | {name: _configured_field(name, value) for name, value in defaults().items()}


@functools.cache
def short_names() -> dict[str, str]:
    """Short name → own name."""
    from lazytrain.engine.configuration import SHORT_NAMES

    return {
        **SHORT_RUN_FIELDS,
        **{short: name for name, short in SHORT_NAMES.items() if " " not in short},
        **{name.rpartition(".")[2]: name for name in defaults() if "." in name},
        **{"data": "dataset", "opt": "optimizer", "budget": "time_budget_minutes"},
    }


def _configured_field(name: str, value: Any) -> QueryField:
    from lazytrain.presets import Hyperparameters

    example = str(value) if value is not None else "10"
    kind, choices = "number", ()
    match value:
        case bool():
            kind, example = "flag", "yes"
        case str():
            annotation = Hyperparameters.model_fields[name].annotation
            choices = tuple(choice for choice in get_args(annotation) if isinstance(choice, str))
            kind = "choice" if choices else "text"
        case _:
            pass
    return QueryField(
        name, kind, lambda _, settings: _setting(settings, name), choices, configured=True, example=example
    )


def _setting(settings: Settings, name: str) -> Any:
    """A hyperparameter; of a program, what it was begun with under that name or a short one."""
    if name in settings:
        return settings[name]
    return next((settings[short] for short, own in short_names().items() if own == name and short in settings), None)


def _find(name: str, word: str, sign: str, names: Callable[[], Names]) -> QueryField:
    key = name.casefold().replace("-", "_")
    field = RUN_FIELDS.get(SHORT_RUN_FIELDS.get(key, key)) or fields().get(short_names().get(key, key))
    if field is not None and field.name in LOGGED_TOO:
        return _with_logged(field, names())
    if field is not None and not (sign in _ORDERS and field.kind in UNORDERED):
        return field
    known = names()
    found = _metric_field(name, known.metrics) or _config_field(name, known.config) or field
    if found is not None:
        return found
    figures = [split_name(each)[1] for each in known.metrics]
    there = [*fields(), *short_names(), *figures, *known.metrics, *(f"{CONFIG}{each}" for each in known.config)]
    near = difflib.get_close_matches(key, there, n=1)
    hint = f"did you mean {near[0]}?" if near else "such as lr, batch, epochs, acc, best, arch, tag, state"
    raise QueryError(f"{word}: there is no field {name}; {hint}")


def _with_logged(field: QueryField, known: Names) -> QueryField:
    """An accuracy, of programs' runs as they log it."""
    logged, figure = accuracies_in(known.metrics), LOGGED_TOO[field.name]

    def get(run: Run, settings: Settings) -> Any:
        if run.kind is RunKind.OWN:
            return field.get(run, settings)
        for name in logged:
            value = settings.get(figure_key(name, figure))
            if value is not None:
                return value * accuracy_share(settings.get(figure_key(name, "max")))
        return None

    return replace(field, get=get, metrics=logged)


def _metric_field(name: str, known: Sequence[str]) -> QueryField | None:
    """`val/bleu`, or `bleu` for whichever part of the data there is; and a figure of it: `bleu.best`."""
    plain, _, figure = name.rpartition(".")
    for wanted, of in ((name, ""), (plain, figure)):
        if of and of not in FIGURES:
            continue
        order = {part: place for place, part in enumerate(("val", "test", "", "train"))}
        parts = {each: split_name(each) for each in known}
        others = sorted((each for each in known if parts[each][1] == wanted), key=lambda each: order[parts[each][0]])
        fitting = tuple(dict.fromkeys([each for each in known if each == wanted] + others))
        if fitting:
            keys = [figure_key(each, of) for each in fitting]

            def get(_: Run, settings: Settings, keys: Sequence[str] = tuple(keys)) -> Any:
                return next((settings[key] for key in keys if key in settings), None)

            return QueryField(name, "number", get, example="0.5", metrics=fitting)
    return None


def _config_field(name: str, known: Sequence[str]) -> QueryField | None:
    """`config.lr`, also of a run that lazytrain trains, or just `lr`."""
    plain = name.removeprefix(CONFIG)
    own = short_names().get(plain, plain)
    if plain not in known and not (plain != name and own in defaults()):
        return None
    return QueryField(
        name,
        "any",
        lambda run, settings: settings.get(plain if run.kind is not RunKind.OWN else own),
        configured=True,
        example="0.1",
    )


# ── conditions ─────────────────────────────────────────────────────────────────────────────────────────────────


def _condition(word: str, name: str, sign: str, written: str, names: Callable[[], Names]) -> Condition:
    field = _find(name, word, sign, names)
    values = [value for value in written.replace('"', "").split(",") if value]
    if not values:
        raise QueryError(f"{word}: write a value, such as {name}{sign}{field.example}")
    if sign in _ORDERS:
        return Condition(word, field, _order(word, name, sign, field, values))
    tests = [_equals(word, name, sign, field, value) for value in values]
    if sign == "!=":
        return Condition(word, field, lambda value: not any(test(value) for test in tests))
    return Condition(word, field, lambda value: any(test(value) for test in tests))


def _order(word: str, name: str, sign: str, field: QueryField, values: Sequence[str]) -> Callable[[Any], bool]:
    if field.kind in UNORDERED:
        raise QueryError(f"{word}: {name} has no order; write {name}:{values[0]}")
    if len(values) > 1:
        raise QueryError(f"{word}: {sign} takes one number, such as {name}{sign}{field.example}")
    compare, limit = _ORDERS[sign], _number(word, name, sign, field, values[0])
    return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and compare(value, limit)


def _equals(word: str, name: str, sign: str, field: QueryField, written: str) -> Callable[[Any], bool]:
    wanted = written.casefold()
    match field.kind:
        case "flag":
            if wanted not in FLAGS:
                raise QueryError(f"{word}: {name} is yes or no")
            flag = FLAGS[wanted]
            return lambda value: value is flag
        case "choice":
            # While a filter is typed, the beginning of a choice stands for it.
            fitting = {choice for choice in field.choices if choice.startswith(wanted)}
            chosen = {wanted} if wanted in fitting else fitting
            if not chosen:
                raise QueryError(f"{word}: {name} is one of {', '.join(field.choices)}")
            return lambda value: not chosen.isdisjoint(value if isinstance(value, tuple) else (value,))
        case "text":
            return _has_text(wanted, exactly=sign != ":")
        case "any":
            return _is_any(wanted, exactly=sign != ":")
        case _ if wanted in WORDS_FOR_NUMBERS:
            return lambda value: str("none" if value is None else value) == wanted
        case _:
            number = _number(word, name, sign, field, written)
            # Accuracies are shown rounded: 62.4 finds what is shown as 62.4 %.
            slack = 0.0005 if field.kind == "percent" else 0.0
            return lambda value: isinstance(value, int | float) and abs(value - number) <= slack


def _is_any(wanted: str, *, exactly: bool) -> Callable[[Any], bool]:
    """Of whatever kind the value is."""

    def holds(value: Any) -> bool:
        match value:
            case bool():
                return FLAGS.get(wanted) is value
            case int() | float():
                try:
                    return float(wanted) == value
                except ValueError:
                    return False
            case None:
                return wanted == "none"
            case _:
                text = str(value).casefold()
                return text == wanted if exactly else wanted in text

    return holds


def _has_text(wanted: str, *, exactly: bool) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        texts = value if isinstance(value, tuple) else (value,)
        own = (str(text).casefold() for text in texts)
        return any(text == wanted if exactly else wanted in text for text in own)

    return holds


def _number(word: str, name: str, sign: str, field: QueryField, written: str) -> float:
    """As it is stored: fractions for %, seconds for times."""
    refused = QueryError(f"{word}: {written} is no number; write one, such as {name}{sign}{field.example}")
    if field.kind == "time":
        time = _TIME.fullmatch(written.casefold())
        if time is None:
            raise QueryError(f"{word}: {written} is no time; write one, such as {name}{sign}90s, 10min, 2h")
        written, unit = time[1], _UNITS[time[2] or "s"]
    else:
        unit = 1.0
    try:
        number = float(written.removesuffix("%"))
    except ValueError:
        raise refused from None
    if field.kind != "percent":
        return number * unit
    # An accuracy of at most 1 is meant as a fraction. Divided: 70 × 0.01 is above 0.7.
    return number if number <= 1 and not written.endswith("%") else number / 100
