"""What clients want reaches the worker: told by the control thread, or asked of the store by the worker itself."""

from __future__ import annotations

import threading

import pytest

from lazytrain.engine.records import State, Wanted
from lazytrain.engine.run.wishes import Left, Wishes


def test_what_the_store_says_is_taken_over_once() -> None:
    wishes = Wishes()
    wishes.begin("a")
    assert not wishes.learn("a", lambda: Wanted.RUN), "nothing new"
    assert wishes.learn("a", lambda: Wanted.STOP)
    assert not wishes.learn("a", lambda: Wanted.STOP)
    with pytest.raises(Left) as left:
        wishes.check()
    assert left.value.state is State.STOPPED


def test_what_is_wanted_of_another_run_is_no_business_of_this_one() -> None:
    wishes = Wishes()
    wishes.begin("b")
    assert not wishes.learn("a", lambda: Wanted.DISCARD)
    assert wishes.wanted is Wanted.RUN


def test_an_older_answer_is_never_taken_over_last() -> None:
    wishes = Wishes()
    wishes.begin("a")
    reading, go_on = threading.Event(), threading.Event()

    def read_slowly() -> Wanted:
        reading.set()
        assert go_on.wait(30)
        return Wanted.RUN

    control = threading.Thread(target=wishes.learn, args=("a", read_slowly))
    control.start()
    assert reading.wait(30)
    worker = threading.Thread(target=wishes.learn, args=("a", lambda: Wanted.PAUSE))
    worker.start()
    go_on.set()
    control.join()
    worker.join()
    assert wishes.wanted is Wanted.PAUSE
