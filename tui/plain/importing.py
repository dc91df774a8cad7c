"""How far an import of logs is: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from lazytrain.engine.logs.following import Follower


def follow_to_the_end(follower: Follower, stream: TextIO) -> None:
    """Read all there is."""
    if not stream.isatty():
        while follower.step():
            pass
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task(f"{follower.num_runs:,} runs", total=follower.size())
        while follower.step():
            bar.update(task, completed=follower.num_bytes, description=f"{follower.num_read:,} values")
