"""The fields of the edit form."""

from __future__ import annotations

import re

from lazytrain.tui.words.fields import form_groups


def test_every_field_has_a_meaning_not_only_limits() -> None:
    for fields in form_groups().values():
        for field in fields:
            assert re.match(r"(?!(from|above|up to|below) [\d.])\S", field.about), f"{field.name}: {field.about!r}"
