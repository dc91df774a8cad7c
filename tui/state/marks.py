"""Which runs are marked for comparison, and the colour and shape that each keeps while it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from lazytrain.tui.charts.tones import RUN_MARKERS, RUN_TONES, Tone


class Marks:
    """Marked runs in the order they were marked. A run's place, and so its colour, is its own until it is unmarked."""

    def __init__(self, places: Mapping[str, int] | None = None) -> None:
        self._places = dict(places or {})

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, run_id: object) -> bool:
        return run_id in self._places

    @property
    def places(self) -> Mapping[str, int]:
        """Run id → place, to be kept between starts."""
        return dict(self._places)

    def tone(self, run_id: str) -> Tone:
        """The colour of a marked run."""
        return RUN_TONES[self._places[run_id] % len(RUN_TONES)]

    def marker(self, run_id: str) -> str:
        """The shape of a marked run, of one cell; with its colour it is its own among 64."""
        place = self._places[run_id]
        return RUN_MARKERS[(place + place // len(RUN_TONES)) % len(RUN_MARKERS)]

    def toggle(self, run_id: str) -> None:
        """Mark a run, or no longer."""
        if run_id in self._places:
            del self._places[run_id]
        else:
            self.add([run_id])

    def add(self, run_ids: Iterable[str]) -> None:
        """Mark these; those that are marked stay as they are."""
        for run_id in run_ids:
            if run_id not in self._places:
                taken = set(self._places.values())
                self._places[run_id] = next(place for place in range(len(taken) + 1) if place not in taken)

    def remove(self, run_ids: Iterable[str]) -> None:
        """Unmark these."""
        for run_id in run_ids:
            self._places.pop(run_id, None)

    def keep(self, run_ids: Collection[str]) -> None:
        """Forget runs that are not among these: they are gone."""
        self.remove([run_id for run_id in self._places if run_id not in run_ids])
