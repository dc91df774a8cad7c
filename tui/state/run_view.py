"""Which runs a list shows, and in which order: filtered and sorted, without a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

from lazytrain.engine.analysis.queries import KnownSettings, Names, Query, QueryError, names_in, parse_query, select
from lazytrain.engine.records import Run
from lazytrain.engine.store.reading import Reader

Order = Literal["now", "name", "best", "time", "created"]
ORDERS: tuple[Order, ...] = get_args(Order)
ORDER_WORDS: dict[Order, str] = {
    "now": "at work, queued, newest",
    "name": "by name",
    "best": "by best accuracy",
    "time": "by training time",
    "created": "by age, newest first",
}
SHORT_ORDER_WORDS: dict[Order, str] = {
    "now": "",
    "name": "by name",
    "best": "by best",
    "time": "by time",
    "created": "by age",
}

_KEYS: dict[Order, Callable[[Run], Any]] = {
    "name": lambda run: run.name.casefold(),
    "best": lambda run: -(run.best_accuracy if run.best_accuracy is not None else -1.0),
    "time": lambda run: -run.seconds,
    "created": lambda run: -run.created,
}


class RunView:
    """A filter and an order over the store's runs. While a filter can't be understood, the one before it counts.

    Attributes:
        error: why `text` can't be understood, or None.
        order: how the list is sorted.
    """

    def __init__(self) -> None:
        self.text = ""
        self.error: str | None = None
        self.order: Order = "now"
        self._query = Query()
        self._known = KnownSettings()
        self._reader: Reader | None = None
        """Of the runs that were shown last: it tells what they call their metrics."""

    @property
    def narrowed(self) -> bool:
        """Whether a filter counts."""
        return bool(self._query.text)

    @property
    def query(self) -> Query:
        """What counts now."""
        return self._query

    def filter(self, text: str) -> None:
        """Show only what fits; the empty text shows everything that isn't archived."""
        self.text = text
        try:
            self._query, self.error = parse_query(text, self._names), None
        except QueryError as error:
            self.error = str(error)

    def revert(self) -> None:
        """Give up a filter that can't be understood for the one that counts."""
        if self.error is not None:
            self.text, self.error = self._query.text, None

    def next_order(self) -> Order:
        """Sort by the next thing, and begin again after the last."""
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        return self.order

    def _names(self) -> Names:
        return names_in(self._reader) if self._reader is not None else Names()

    def apply(self, runs: Sequence[Run], reader: Reader) -> list[Run]:
        """The runs to show, in their order; equals stand as the store has them."""
        self._reader = reader
        return sort_runs(select(self._query, runs, reader, self._known), self.order)


def sort_runs(runs: Sequence[Run], order: Order) -> list[Run]:
    """The runs in that order."""
    return list(runs) if order == "now" else sorted(runs, key=_KEYS[order])
