"""What is queued of a command, what is refused, and what a queued one waits for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lazytrain.engine.commands.preparing import CommandError, prepare_command
from lazytrain.engine.commands.readiness import find_obstacle
from lazytrain.engine.records import Kind, Run, State
from lazytrain.engine.store.journal import Journal
from lazytrain.engine.store.rebuild import rebuild
from lazytrain.engine.store.store import NotPossible, Store
from lazytrain.engine.store.stored_configuration import RunUnreadable


def test_a_program_is_found_where_it_was_queued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    link = tmp_path / "bin" / "python"
    link.symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = prepare_command(["python", "train.py", "--note", "two words"], environment={"A": "1"}, needs="gpu")
    assert (found.program, found.folder, found.path) == (str(link), str(tmp_path), str(tmp_path / "bin"))
    assert (found.line, found.suggested_name) == ("python train.py --note 'two words'", "train")
    assert prepare_command(["bin/python"]).program == str(link)
    assert prepare_command(["python"], folder=tmp_path / "bin").suggested_name == "python"


@pytest.mark.parametrize(
    ("words", "options", "told"),
    [
        ([], {}, "write the command after it"),
        (["no-such-program"], {}, "-- no-such-program: no such program in PATH"),
        (["./missing.sh"], {}, "there is no such file in"),
        (["./plain.txt"], {}, "it can't be executed: `chmod +x`"),
        (["true"], {"folder": "/no/such/folder"}, "cwd = '/no/such/folder': there is no such folder"),
        (["true"], {"environment": {"A B": "1"}}, "env.A B: a variable's name has letters, digits and _ alone"),
        (["true", "a\0b"], {}, "leave out the control character"),
        (["true", "\udce9"], {}, "it is no UTF-8"),
        (["true", "x" * 200_000], {}, "more than 100,000 characters"),
    ],
)
def test_what_cant_be_started_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], options: dict[str, object], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plain.txt").touch()
    with pytest.raises(CommandError) as refused:
        prepare_command(words, **options)  # type: ignore[arg-type]  # a table of them
    assert told in str(refused.value)


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home)


def queue(store: Store, *, after: Run | None = None, **options: object) -> Run:
    command = prepare_command(["true"], after=after.id if after else None, **options)  # type: ignore[arg-type]
    return store.add_command(command)


def obstacle(store: Store, run: Run, device: str = "cpu") -> tuple[str, str] | None:
    found = find_obstacle(store, store.command(run.id), device)
    return None if found is None else (found.how, found.reason)


def test_what_a_command_waits_for(store: Store) -> None:
    first = queue(store)
    second, gpu = queue(store, after=first), queue(store, needs="gpu")
    assert [obstacle(store, run) for run in (first, gpu)] == [
        None,
        ("elsewhere", "waits for a runner that holds a GPU: this one has the cpu"),
    ]
    assert obstacle(store, gpu, "cuda:0") is None
    assert obstacle(store, second) == ("later", f"waits for true ({first.id}) to finish")
    with Journal(store.home) as journal:
        assert journal.claim(first.id)
        assert (obstacle(store, second) or "")[0] == "soon"
        journal.end(first.id, State.FAILED, error="no")
        assert obstacle(store, second) == (
            "never",
            f"it comes after true ({first.id}), which failed; once that has finished,"
            " `lazytrain resume` queues it again",
        )
        store.resume(first.id)
        assert journal.claim(first.id)
        journal.end(first.id, State.FINISHED)
    assert obstacle(store, second) is None
    store.discard(first.id)
    assert obstacle(store, second) == ("never", f"it comes after run {first.id}, which was discarded")


def test_a_queued_command_is_a_run_like_others(store: Store) -> None:
    run = store.add_command(prepare_command(["true"]), "night", project="mnist", config={"lr": 0.1})
    assert (run.kind, run.state, run.name, run.project) == (Kind.COMMAND, State.QUEUED, "night", "mnist")
    assert store.details(run.id)["config"] == {"lr": 0.1}
    assert store.add_command(prepare_command(["true"]), "night").name == "night #2"
    with pytest.raises(NotPossible, match="control character"):
        store.add_command(prepare_command(["true"]), "a\x1bb")
    with pytest.raises(RunUnreadable, match="a command of your own"):
        store.configuration(run.id)
    assert store.stop(run.id).state is State.STOPPED
    assert store.resume(run.id).state is State.QUEUED
    assert "queued again, to be started again from its beginning, by" in store.messages(run.id)[-1].text


def test_a_rebuilt_store_knows_it(store: Store) -> None:
    run = store.add_command(prepare_command(["true"], environment={"A": "1"}))
    configuration = store.command(run.id)
    store.close()
    store.path.write_bytes(b"damaged")
    rebuild(store.path, "it is damaged")
    with Store(store.home) as rebuilt:
        assert rebuilt.command(run.id) == configuration
        rebuilt.connection.execute("UPDATE runs SET details = '{}'")
        with pytest.raises(RunUnreadable, match="its stored command can't be used: it isn't there"):
            rebuilt.command(run.id)
