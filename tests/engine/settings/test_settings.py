"""`settings.toml`: its defaults, what is refused and how, and that a change is seen."""

from __future__ import annotations

import os
from datetime import time
from pathlib import Path

import pytest

from lazytrain.engine.places import settings_path, store_file
from lazytrain.engine.settings.availability import Hours
from lazytrain.engine.settings.live import LiveSettings
from lazytrain.engine.settings.settings import Settings, SettingsError, load_settings
from lazytrain.presets import PresetError


def write(home: Path, text: str) -> Path:
    home.mkdir(exist_ok=True)
    path = settings_path(home)
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_there_are_the_defaults(home: Path) -> None:
    settings = load_settings(home)
    assert settings == Settings()
    assert (settings.nice, settings.keep_core_free, settings.only_between) == (10, True, None)
    assert (settings.notify_bell, settings.notify_command, settings.notify_webhook) == (False, None, None)
    assert settings.notify == ()
    assert settings.notify_on == ("finished", "failed")
    assert not home.exists(), "looking makes nothing"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_a_named_pipe_is_refused_and_never_waited_for(home: Path) -> None:
    home.mkdir()
    os.mkfifo(settings_path(home))
    with pytest.raises(SettingsError, match=r"settings\.toml: can't be read: it is a named pipe"):
        load_settings(home)


def test_every_field_can_be_written(home: Path) -> None:
    write(
        home,
        'images = "sixel"\nstop_grace_seconds = 60\n'
        'nice = 19\nkeep_core_free = false\nonly_between = "23:00-07:00"\npause_on_battery = true\nnotify_bell = true\n'
        'notify_command = "notify-send done"\nnotify_webhook = "http://localhost:8080/"\nnotify_on = ["stopped"]\n'
        'notify = ["json://localhost:8080/done", "mailto://me:word@gmail.com?name=My net, at night"]\n',
    )
    settings = load_settings(home)
    assert settings.model_fields_set == set(Settings.model_fields)
    assert (settings.images, settings.stop_grace_seconds) == ("sixel", 60.0)
    assert settings.only_between == Hours(time(23), time(7))
    assert settings.notify_on == ("stopped",)
    assert settings.notify == ("json://localhost:8080/done", "mailto://me:word@gmail.com?name=My net, at night")


def test_every_field_is_documented() -> None:
    source = Path(load_settings.__code__.co_filename).read_text(encoding="utf-8")
    lines = [line.strip() for line in source.splitlines()]
    for name in Settings.model_fields:
        (declared,) = [number for number, line in enumerate(lines) if line.startswith(f"{name}:")]
        assert lines[declared + 1].startswith('"""'), name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nice = 25", "nice = 25: must be less than or equal to 19"),
        ("nice = '5'", "nice = '5': must be a whole number"),
        ("nise = 5", "unknown field nise = 5: did you mean nice?"),
        ("only_between = '25:00-07:00'", "only_between: '25:00-07:00': a time of day is between 00:00 and 24:00"),
        ("only_between = '07:00-07:00'", "only_between: '07:00-07:00': begins when it ends"),
        ("only_between = 'at night'", "only_between: 'at night' must be two times of day, such as '23:00-07:00'"),
        ("only_between = 23", "only_between: 23 must be two times of day in quotes"),
        ("images = 'png'", "images = 'png': must be one of 'auto', 'blocks', 'kitty' or 'sixel'"),
        ("notify_on = ['finishd']", "notify_on.1 = 'finishd': must be one of 'finished', 'failed' or 'stopped'"),
        ("notify_webhook = 'file:///etc'", "notify_webhook: 'file://…' must begin with http:// or https://"),
        ("notify = ['json://host', 'Bob']", "notify: entry 2 must be an address such as 'slack://…'"),
        ("notify = [5]", "notify.1 = 5: must be a valid string"),
        ("notify = 'slakc://KEYKEYKEY'", "notify: entry 1 (slakc://…): apprise knows no service of that name: did you"),
        ("notify = 'https://KEYKEYKEY/'", "(https://…): apprise knows no service of that name: an address on the web"),
        ("notify = 'qqqqqq://KEYKEYKEY/'", "of that name: https://appriseit.com/services/ lists them"),
        ("notify = 'tgram://KEYKEYKEY'", "(tgram://…): Telegram is written tgram://{bot_token}: see https://"),
        ("notfy = 'tgram://KEYKEYKEY'", "unknown field notfy: did you mean notify?"),
        ("nice: 5", "not valid TOML"),
    ],
)
def test_a_mistake_is_told_with_file_field_and_value(home: Path, text: str, words: str) -> None:
    path = write(home, text)
    with pytest.raises(SettingsError) as refused:
        load_settings(home)
    assert str(refused.value).startswith(f"{path}: ")
    assert words in str(refused.value)
    assert "KEY" not in str(refused.value), "what an address holds is nobody else's business"
    assert isinstance(refused.value, PresetError), "what tells of a preset's mistake tells of this one"


def test_without_apprise_the_settings_stay_good(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lazytrain.engine.settings.recipients.has_apprise", lambda: False)
    write(home, "notify = ['slack://of/some/kind']")
    assert load_settings(home).notify == ("slack://of/some/kind",)
    write(home, "notify = ['slack']")
    with pytest.raises(SettingsError, match=r"notify: entry 1 must be an address such as 'slack://…'"):
        load_settings(home)


def test_a_service_that_needs_another_package_names_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = {"packages_required": ["paho-mqtt >= 2.1.0"]}
    service = {"service_name": "MQTT", "protocols": ("mqtt",), "secure_protocols": None, "enabled": False}
    schemas = [{**service, "requirements": requirements}]
    monkeypatch.setattr("apprise.Apprise.instantiate", lambda *_: None)
    monkeypatch.setattr("apprise.Apprise.details", lambda *_, **__: {"schemas": schemas})
    write(home, "notify = ['mqtt://host/topic']")
    with pytest.raises(SettingsError, match=r"MQTT needs a package more: pip install 'paho-mqtt >= 2.1.0'"):
        load_settings(home)


def test_a_change_is_seen_and_a_mistake_leaves_the_last_settings(home: Path) -> None:
    complaints: list[str] = []
    live = LiveSettings(home, complaints.append)
    assert live() == Settings()
    write(home, "nice = 5")
    assert live().nice == 5
    store_file(home).touch()
    write(home, "nice = 500")
    assert (live().nice, live().nice) == (5, 5)
    assert len(complaints) == 1
    assert live.error == complaints[0]
    assert "nice = 500" in complaints[0]
    write(home, "nice = 7  # put right")
    assert (live().nice, live.error) == (7, None)
    settings_path(home).unlink()
    assert live() == Settings()
