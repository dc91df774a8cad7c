"""Launch: what is chosen, what it shows of it, and what its keys queue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual import events

from lazytrain.engine.records import State
from lazytrain.engine.store.journal import Journal
from lazytrain.presets import DEFAULT
from lazytrain.tui.lists.preset_list import PresetList
from lazytrain.tui.state.last_session import Remembered, recall
from lazytrain.tui.widgets.layer_table import LayerTable
from tests.helpers.launch_app import V9, launch, listed, make_app, settle, started, text_of, toasts, until, write_preset

SIZES = [(120, 40), (80, 24)]


def table(app: Any) -> list[str]:
    return str(launch(app).query_one(LayerTable).render()).splitlines()


def answer(home: Path, kind: str, result: dict[str, object]) -> None:
    """Answer the question of that kind as a runner would; others that were asked meanwhile get none."""
    with Journal(home) as journal:
        while True:
            asked = journal.next_question()
            assert asked is not None, f"nobody asked to {kind}"
            if asked[0].startswith(kind):
                journal.answer(asked[0], result)
                return
            journal.answer(asked[0], error="not now")


# ── choosing ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", SIZES)
async def test_the_first_start_has_coolnet_v10_quick_and_its_layers_at_once(home: Path, size: tuple[int, int]) -> None:
    async with started(home, size=size) as (app, _):
        draft = launch(app).draft
        assert (draft.architecture.name, draft.hyperparameters.name) == ("coolnet-v10", "quick")
        assert table(app)[1].split() == ["conv", "6", "·", "5×5", "6×28×28", "456"]
        assert table(app)[-1].split() == ["total", "62,006"]
        assert "dataset digits" in text_of(app, "#settings")
        assert text_of(app, "#differences") == "unlike default: dataset (cifar10), validation (0)"
        assert text_of(app, "#data") == "1,442 train, 355 test images"


async def test_moving_chooses_and_shows_the_other_net(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("end")
        await pilot.press("up")  # above resnet18: lazynet
        await settle(pilot)
        assert launch(app).draft.title == "LazyNet × quick (digits)"
        assert table(app)[-1].split() == ["total", "30,730"]
        assert launch(app).query_one("#net").border_title == "LazyNet × quick (digits)"


async def test_a_click_chooses(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.click("#hyperparameters", offset=(5, 2))
        await settle(pilot)
        assert launch(app).draft.hyperparameters.name == DEFAULT
        assert app.focused is launch(app).query_one("#hyperparameters")


async def test_h_and_l_and_tab_go_between_the_columns(home: Path) -> None:
    async with started(home) as (app, pilot):
        seen = []
        for key in ("l", "right", "l", "h", "left", "tab"):
            await pilot.press(key)
            seen.append(app.focused.id if app.focused else None)
        assert seen == ["hyperparameters", "net", "net", "hyperparameters", "architectures", "hyperparameters"]


async def test_typing_narrows_a_list_and_escape_shows_it_whole(home: Path) -> None:
    async with started(home) as (app, pilot):
        everything = listed(app, "#architectures")
        await pilot.press("slash", *"bor q", "backspace", "backspace")
        assert [line.split("  ")[0] for line in listed(app, "#architectures")] == [
            *("BoringNet", "BoringNet ReLU", "BoringNet LeakyReLU")
        ]
        await settle(pilot)
        assert launch(app).draft.architecture.name == "boringnet"
        await pilot.press("enter")
        assert not app.runs  # enter ended the typing
        assert len(listed(app, "#architectures")) == 3
        await pilot.press("escape")
        assert listed(app, "#architectures") == everything
        assert launch(app).draft.architecture.name == "boringnet"


async def test_the_next_start_remembers_the_choice_by_name(home: Path) -> None:
    async with started(home) as (_, pilot):
        await pilot.press("down", "tab", "down")
        await settle(pilot)
    async with started(home) as (app, _):
        draft = launch(app).draft
        assert (draft.architecture.name, draft.hyperparameters.name) == ("coolnet-v7", "default")


@pytest.mark.parametrize("written", ["", "[]", "{", '{"architecture": 3}', '{"architecture": "gone"}'])
def test_an_unreadable_or_stale_memory_is_the_first_start(home: Path, written: str) -> None:
    home.mkdir()
    (home / "screen.json").write_text(written)
    choice = recall(home / "screen.json")
    assert choice.hyperparameters == Remembered().hyperparameters
    assert launch(make_app(home)).draft.architecture.name == "coolnet-v10"


# ── starting ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_enter_queues_the_frozen_configuration_and_opens_monitor_on_it(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("enter")
        await until(pilot, lambda: app.current_mode == "monitor" and app.monitor_screen is not None)
        (run,) = app.store.runs()
        assert (run.state, run.name) == (State.QUEUED, "coolnet-v10 quick")
        configuration = app.store.configuration(run.id)
        assert configuration.architecture == app.catalogue.architecture("coolnet-v10")
        assert configuration.hyperparameters == app.catalogue.hyperparameter_preset("quick").values
        assert configuration.edits == ()


async def test_keys_faster_than_the_screen_start_what_the_cursor_is_on(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("down", "enter")
        await until(pilot, app.store.runs)
        assert app.store.runs()[0].architecture == "coolnet-v7"


async def test_a_adds_to_the_queue_and_stays(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("a", "a")
        await until(pilot, lambda: len(app.runs) == 2)
        assert app.current_mode == "launch"
        assert toasts(app)[-1] == "coolnet-v10 quick #2: number 2 in the queue"
        assert app.headline.startswith("2 queued")


async def test_an_impossible_net_is_marked_and_refused_with_file_layer_input_and_window(home: Path) -> None:
    path = write_preset(home, "architectures", "coolnet-v9", V9)
    async with started(home) as (app, pilot):
        await pilot.press("end", "enter")
        await settle(pilot)
        sentence = f"{path}: layer 6 (maxpool 4): input 16×3×3: its window 4×4 is larger than the 3×3 map it sees"
        assert launch(app).proposal.refusal == sentence
        assert sentence in text_of(app, "#refusal")
        assert toasts(app) == [sentence]
        assert listed(app, "#architectures")[-1].split() == ["CoolNet", "v9", "⚠"]
        assert not app.store.runs()
        assert not table(app)


async def test_a_broken_preset_is_listed_with_its_reason_and_hides_no_other(home: Path) -> None:
    path = write_preset(home, "hyperparameters", "wrong", 'title = "wrong"\nlearning_rat = 3\n')
    async with started(home) as (app, pilot):
        shipped = len(app.catalogue.hyperparameters) - 1
        await pilot.press("tab", "end")
        await settle(pilot)
        lines = listed(app, "#hyperparameters")
        assert len(lines) == shipped + 1
        assert lines[-1].split() == ["wrong", "⚠"]
        reason = f"{path}: unknown field learning_rat = 3: did you mean learning_rate?"
        assert reason in text_of(app, "#refusal")
        await pilot.press("enter", "e")
        assert toasts(app) == [reason, reason]
        assert not app.store.runs()
        assert listed(app, "#architectures")[0].split() == ["CoolNet", "v10", "62", "k"]


async def test_a_dataset_that_is_not_there_is_refused_in_its_own_words(home: Path) -> None:
    write_preset(home, "hyperparameters", "mine", 'title = "mine"\ndataset = "folder:/nowhere"\n')
    async with started(home) as (app, pilot):
        await pilot.press("tab", "end")
        await settle(pilot)
        await pilot.press("enter")
        assert "no folder /nowhere" in toasts(app)[0]
        assert not app.store.runs()


async def test_a_torchvision_net_is_not_yet_checked_and_queued_once_it_is(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("end")
        await settle(pilot)
        assert text_of(app, "#refusal") == "not yet checked: torch is loading"
        assert listed(app, "#architectures")[-1].split() == ["ResNet-18", "?"]
        await pilot.press("a")
        assert not app.store.runs()
        answer(home, "check", {"rows": [["conv1", "64×16×16", 9408], ["fc", "10", 5130]]})
        await until(pilot, app.store.runs)
        assert table(app)[-1].split() == ["total", "14,538"]


async def test_the_expected_time_appears_when_a_runner_has_measured_it(home: Path) -> None:
    async with started(home) as (app, pilot):
        await until(pilot, lambda: launch(app).desk.estimate is not None)
        answer(home, "measure", {"images_per_second": 1442.0, "evaluated_per_second": 355.0, "device": "cpu"})
        await until(pilot, lambda: "about" in text_of(app, "#time"))
        assert text_of(app, "#time") == "about 2 min on cpu (measured: 1,442 images/s)"


async def test_the_reports_words_are_shown_for_the_pair_that_has_them(home: Path) -> None:
    async with started(home) as (app, pilot):
        await pilot.press("tab", "down")
        await settle(pilot)
        assert text_of(app, "#report").startswith("report: test 62 %, train 99 %, 1 h 15 min")


# ── pictures ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", SIZES, ids=["120x40", "80x24"])
def test_picture_of_launch(home: Path, snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(make_app(home), terminal_size=size, run_before=settle)


async def test_keys_of_one_packet_go_to_the_list_they_mean(home: Path) -> None:
    async with started(home) as (app, pilot):
        before = launch(app).draft
        # Both are in the app's queue before either is looked at, as when they arrive together.
        for key in ("right", "down"):
            app.post_message(events.Key(key, None))
        await settle(pilot)
        after = launch(app).draft
        assert after.architecture.name == before.architecture.name
        assert after.hyperparameters.name != before.hyperparameters.name


# ── presets that come and go ───────────────────────────────────────────────────────────────────────────────


async def test_presets_that_are_added_changed_and_taken_away_are_seen_on_coming_back(home: Path) -> None:
    folder = home / "presets" / "hyperparameters"
    folder.mkdir(parents=True)
    async with started(home) as (app, pilot):
        await pilot.press("e", "escape")  # nothing has changed: nothing is read again
        catalogue = app.catalogue
        (folder / "mine.toml").write_text('title = "Mine"\nepochs = 3\n')
        assert app.catalogue is catalogue
        app.post_message(events.AppFocus())
        await settle(pilot)
        names = launch(app).query_one("#hyperparameters", PresetList)
        assert "Mine" in [row.title for row in names.rows]
        names.chosen = "mine"
        await settle(pilot)
        assert launch(app).draft.values().epochs == 3
        (folder / "mine.toml").write_text('title = "Mine"\nepochs = 12\n')
        await pilot.press("1")
        await settle(pilot)
        assert launch(app).draft.values().epochs == 12
        (folder / "mine.toml").unlink()
        await pilot.press("2", "1")
        await settle(pilot)
        assert "mine" not in [row.name for row in names.rows]
        assert launch(app).draft.hyperparameters.name == names.chosen == "quick"
