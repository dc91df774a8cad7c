"""Figures and progress read off what a training prints: tqdm, Keras, Lightning, Transformers, and lines of one's own.

Whatever a line holds, reading it raises nothing, takes time that grows with its length alone, and makes at most
`MOST_NAMES` series. Where it can't be known what a number is, it is left alone: a line without a bar needs a word such
as `loss` or `accuracy` in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lazytrain.engine.store.series import LONGEST_NAME, Sample

MOST_NAMES = 200
MOST_BARS = 200
MOST_LETTERS = 2_000
"""Of a line; what is beyond isn't read."""
_NUMBER = r"[-+]?(?:(?<!\d)\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,3})?|[-+]?(?:nan|NaN|NAN|inf|Infinity)\b"
_END = r"(?![\w:]|\.\d)"
"""After a number: what is neither a unit, a time of day nor a version."""
_ANY_NUMBER = re.compile(r"[0-9]|nan|inf", re.IGNORECASE)
_WORD = r"[A-Za-z_][\w./@-]{0,60}"
_PAIR = re.compile(
    rf"(?<![\w./@-])({_WORD}(?: {_WORD}){{0,2}})[ \t]{{0,4}}[:=][ \t]{{0,8}}({_NUMBER})(?:/(\d{{1,15}}))?{_END}"
)
"""`loss=0.31`, `Average loss: 0.05`, `Accuracy: 9825/10000`."""
_APART = re.compile(
    rf"(?:^|[,|;:])[ \t]{{0,8}}({_WORD}(?: {_WORD})?)[ \t]{{1,8}}({_NUMBER}){_END}(?=[ \t]{{0,8}}(?:$|[,|;]))"
)
"""`step 100: train loss 4.2, val loss 4.3`, `| loss  7.64 | ppl  2070.05`."""
_ITEM = re.compile(
    rf"""['"]([^'"\n]{{1,100}})['"][ \t]{{0,4}}:[ \t]{{0,4}}['"]?({_NUMBER})['"]?[ \t]{{0,4}}(?=[,}}])"""
)
"""`{'loss': 0.31, 'epoch': 1.0}`."""
_TQDM = re.compile(
    r"(?<![\d.])(\d{1,15}(?:\.\d{1,6})?)([kMGT]?)/(\d{1,15}(?:\.\d{1,6})?)([kMGT]?)[A-Za-z]{0,8} {0,4}\[([^\]]{0,1000})"
)
_PERCENT = re.compile(r" {0,4}(?<!\d)\d{1,3}%(?:\||$)")
_KERAS = re.compile(r"^ {0,4}(\d{1,15})/(\d{1,15}) {1,4}(?:\[[=>.]{1,60}\]|[━─╸╺ ]{1,60}|-(?= ))")
_SHARE = re.compile(r"\[ {0,8}(\d{1,15})/ {0,8}(\d{1,15}) {0,4}\( {0,4}\d{1,3}(?:\.\d{0,6})?%\)\]")
"""`Train Epoch: 1 [640/60000 (1%)]`."""
_STEP = re.compile(
    r"\b(?:global[ _]?step|step|iter(?:ation)?|batch|batches)s?\b[^\w\n]{0,4}"
    r"(\d{1,15})(?: {0,4}(?:/|of) {0,4}(\d{1,15}))?(?![\w.])",
    re.IGNORECASE,
)
_COLUMN = re.compile(r"\| {0,8}(\d{1,15})/ {0,8}(\d{1,15})(?: batches)?(?= |$)")
"""`| epoch   1 |   200/ 2983 batches |`."""
_EPOCH = re.compile(r"\bepochs?\b[^\w\n]{0,6}(\d{1,9})(?: {0,4}(?:/|of) {0,4}(\d{1,9}))?(?![\w.])", re.IGNORECASE)
_TELLING = re.compile(
    r"loss|acc|f1|auc|bleu|rouge|ppl|perplex|err(?:or)?\b|mse|mae|score|reward|return|(?:^|[\W_])lr(?:$|[\W_])"
    r"|learning.?rate|grad|precision|recall|iou|dice|\bmap|fid|psnr|ssim|[wc]er\b|nll|elbo|(?:^|[\W_])kl(?:$|[\W_])"
    r"|metric|top.?[15]\b|entropy|likelihood|cost|objective|fitness",
    re.IGNORECASE,
)
_POSITIONS = frozenset(("epoch", "epochs", "step", "steps", "iter", "iteration", "batch", "eta", "num"))
"""Names of what isn't a figure but says where the training is, or which it is."""
_HELD_OUT = re.compile(r"\b(test|val(?:id(?:ation)?)?|eval(?:uat\w{1,5})?)\b", re.IGNORECASE)
_ASIDE = re.compile(
    r"test|val(?:id|\b)|eval|sanity|predict|download|load|fetch|map\b|map \(|filter|token|extract|shard|generat|sav",
    re.IGNORECASE,
)
"""Bars of what isn't the training."""
_PARTS = re.compile(
    r"(?:train|val|valid|test|eval|dev)(?:[/_.].*|$)|.*[/_.](?:train|val|valid|test|eval|dev)$", re.IGNORECASE
)
_UNITS = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(slots=True)
class _Bar:
    """A bar that fills up, maybe again each epoch."""

    total: int | None
    done: int = 0
    offset: int = 0
    aside: bool = False
    told: bool = False
    """Figures stood beside it."""
    of_epoch: bool = False
    """It is one epoch's, and fills up again in the next."""

    @property
    def step(self) -> int:
        return self.offset + self.done

    def go_to(self, done: int, total: int | None) -> None:
        if done < self.done:
            self.offset += max(self.done, self.total or 0)
        self.done, self.total = done, total


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a training stands, as far as it can be read."""

    step: int
    num_steps: int | None
    phase: str
    """What it says it does: `Epoch 3`, `Validation`; empty where it says nothing."""
    done: int = 0
    total: int = 0
    """Of the bar at work; 0 where there is none."""


@dataclass
class FigureReader:
    """Reads line after line of one program, both of its streams."""

    standing: Standing | None = None
    names: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    """Series → its last step and value."""
    _bars: dict[tuple[str, int | None], _Bar] = field(default_factory=dict[tuple[str, int | None], _Bar])
    _main: _Bar | None = None
    _epoch: tuple[int, int | None] = (0, None)
    _counts: dict[str, int] = field(default_factory=dict[str, int])

    def read(self, line: str, seconds: float) -> list[tuple[str, Sample]]:
        """The values in a line, or in what a progress bar shows; those that stood there already are left out.

        Args:
            seconds: since the run's start.
        """
        line = line[:MOST_LETTERS]
        if not _ANY_NUMBER.search(line):
            return []
        epoch = _EPOCH.search(line)
        if epoch is not None:
            self._epoch = int(epoch[1]), int(epoch[2]) if epoch[2] else self._epoch[1]
        bar, label = self._read_bar(line)
        figures = list(self._read_figures(line, bar, label))
        if bar is not None:
            bar.told |= bool(figures)
            self._choose_main(bar)
        self._stand(bar, label, told=bool(figures))
        step = self._step_of(bar, told=epoch is not None)
        found: list[tuple[str, Sample]] = []
        for name, value in figures:
            if name not in self.names and len(self.names) >= MOST_NAMES:
                continue
            self._counts[name] = self._counts.get(name, 0) + 1
            at = self._counts[name] if step is None else step
            if bar is not None and self.names.get(name) == (at, value):
                continue
            self.names[name] = at, value
            found.append((name, Sample(at, seconds, value)))
        return found

    # ── bars ───────────────────────────────────────────────────────────────────────────────────────────────

    def _read_bar(self, line: str) -> tuple[_Bar | None, str]:
        """The bar in a line, with what it stands for."""
        if found := _TQDM.search(line):
            if "B/s" in found[5]:
                return None, ""  # bytes of a download
            label = line[: found.start()]
            if percent := _PERCENT.search(label):
                label = label[: percent.start()]
            done, total = (int(float(found[each]) * _UNITS[found[each + 1]]) for each in (1, 3))
            return self._bar(label.strip(" :|"), done, total)
        for pattern in (_KERAS, _SHARE, _COLUMN):
            if found := pattern.search(line):
                label = "" if pattern is _KERAS else line[: found.start()].strip(" :|")
                return self._bar(label, int(found[1]), int(found[2]))
        if (found := _STEP.search(line)) and _TELLING.search(line):
            return self._bar("", int(found[1]), int(found[2]) if found[2] else None)
        return None, ""

    def _bar(self, label: str, done: int, total: int | None) -> tuple[_Bar | None, str]:
        key = re.sub(r"\d{1,30}", "#", label[:60]), total
        bar = self._bars.get(key)
        if bar is None:
            if len(self._bars) >= MOST_BARS:
                return None, ""
            bar = self._bars[key] = _Bar(total, aside=bool(_ASIDE.search(label)))
        bar.go_to(done, total)
        bar.of_epoch |= "poch" in label
        return bar, " ".join(label[:60].split())

    def _choose_main(self, bar: _Bar) -> None:
        """Which bar says how far the training is: one with figures beside it, else the longest."""
        if bar.aside:
            return
        before = self._main
        if before is None or (bar.told, bar.total or 0) >= (before.told, before.total or 0):
            self._main = bar

    def _stand(self, bar: _Bar | None, label: str, *, told: bool) -> None:
        main, (epoch, epochs) = self._main, self._epoch
        done, total = (bar.done, bar.total or 0) if bar is not None else (0, 0)
        if main is not None:
            repeats = main.offset > 0 or main.of_epoch
            num_steps = main.total
            if main.total and epochs and (repeats or epochs > 1):
                num_steps = max(main.total * epochs, main.step)
            elif repeats:
                num_steps = None
            self.standing = Standing(main.step, num_steps, label or (self._told_epoch if epoch else ""), done, total)
        elif bar is None and epoch and (epochs or told):
            self.standing = Standing(epoch, epochs, self._told_epoch)
        elif bar is not None:
            step, num_steps = (self.standing.step, self.standing.num_steps) if self.standing else (0, None)
            self.standing = Standing(step, num_steps, label, done, total)

    @property
    def _told_epoch(self) -> str:
        epoch, epochs = self._epoch
        return f"epoch {epoch}/{epochs}" if epochs else f"epoch {epoch}"

    def _step_of(self, bar: _Bar | None, *, told: bool) -> int | None:
        """The step of a line's figures; None: nothing says it, and they are counted."""
        if bar is not None and not bar.aside:
            return bar.step
        if self._main is not None:
            return self._main.step
        return self._epoch[0] if told or self._epoch[0] else None

    # ── figures ────────────────────────────────────────────────────────────────────────────────────────────

    def _read_figures(self, line: str, bar: _Bar | None, label: str) -> Iterator[tuple[str, float]]:
        """(name, value) of each figure in a line."""
        if line.lstrip().startswith("{") and (items := _ITEM.findall(line)):
            for name, number in items:
                if (named := _name(name)) and (value := _value(number)) is not None:
                    yield named, value
            return
        if bar is None and not _TELLING.search(line):
            return
        held_out = _HELD_OUT.search(label or line[: line.find(":") + 1])
        part = _PART_OF[held_out[1][0].lower()] if held_out and (bar is None or bar.aside) else ""
        found = [(each[1], each[2], each[3]) for each in _PAIR.finditer(line)]
        found += [(each[1], each[2], None) for each in _APART.finditer(line) if _TELLING.search(each[1])]
        seen: set[str] = set()
        for name, number, of in found:
            named, value = _name(name), _value(number)
            if not named or value is None or named.lower().rpartition("_")[2] in _POSITIONS or named in seen:
                continue
            seen.add(named)
            if of is not None and float(of):
                value /= float(of)
            yield f"{part}/{named}" if part and not _PARTS.fullmatch(named) else named, value


_PART_OF = {"t": "test", "v": "val", "e": "val"}


def _name(words: str) -> str:
    """`Average loss` → `loss`, `train loss` → `train_loss`, `F1` → `F1`; empty where it can't be one."""
    parts = [word.lower() if word[1:].islower() else word for word in words.split()]
    if len(parts) > 1 and parts[0] in ("average", "avg", "avg.", "mean", "the", "and", "with", "of", "current"):
        parts = parts[1:]
    name = "_".join(parts).strip("/.-_@")
    return name if name.isprintable() and len(name) <= LONGEST_NAME else ""


def _value(number: str) -> float | None:
    try:
        value = float(number)
    except ValueError:
        return None
    return math.copysign(math.inf, value) if math.isinf(value) else value
