"""Where runs of a cluster are trained, as it is told."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from lazytrain.engine.records import RunnerRecord
from lazytrain.tui.plain.output import print_runs
from lazytrain.tui.state.headline import describe_runner
from tests.helpers.bench import Bench

RUNNER = RunnerRecord(
    lock="here-ray.lock",
    host="here",
    pid=12,
    command="lazytrain work --ray auto",
    device="ray",
    device_name="3 nodes · 10 of 12 CPUs · 2 of 4 GPUs",
    reason="--ray auto",
    threads=1,
    versions="",
    started=0.0,
)


def test_the_top_bar_says_what_is_used_of_the_cluster() -> None:
    text = describe_runner(None, [RUNNER], [])
    assert text == "ray · 3 nodes · 10 of 12 CPUs · 2 of 4 GPUs · lazytrain work --ray auto (pid 12)"


def test_the_list_names_nodes_where_there_are_any(bench: Bench) -> None:
    here = replace(bench.queue("lazynet"), device="cpu")
    there = replace(bench.queue("lazynet"), device="cuda:0@node-2")
    assert (here.node, there.node) == (None, "node-2")
    assert [run.may_be_of("ray") for run in (here, there)] == [False, True]
    assert [run.may_be_of("cpu") for run in (here, there)] == [True, False]

    def printed(*runs: object) -> list[str]:
        console = Console(file=io.StringIO(), width=200)
        print_runs(runs, console)  # type: ignore[arg-type]  # runs, all of them
        return console.file.getvalue().splitlines()  # type: ignore[attr-defined]  # StringIO

    assert "node" not in printed(here)[0]
    head, first, second = printed(here, there)
    place = head.index("node")
    assert first[place:].startswith("–")
    assert second[place:].startswith("node-2")
