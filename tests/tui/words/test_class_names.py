"""Names of classes, in columns of any width."""

from __future__ import annotations

from lazytrain.tui.words.class_names import head_names, longer_head_names, row_names


def test_names_in_narrow_columns() -> None:
    assert head_names(("cat", "caterpillar"), 4) == ["cat", "cate"]
    assert head_names(("caterpillar", "caterwaul"), 4) == ["1", "2"], "two that look the same are numbered"
    assert row_names(("caterpillar", "caterwaul"), 4) == ["1 caterpillar", "2 caterwaul"]
    assert row_names(("cat", "dog"), 4) == ["cat", "dog"]
    assert head_names(("広い文字", "cat"), 5) == ["広い", "cat"], "cells are counted, not letters"
    assert longer_head_names(("cat", "caterpillar"), 4, [4, 11]) == ["cat", "caterpillar"]
    assert longer_head_names(("caterpillar", "caterwaul"), 4, [11, 11]) == ["1", "2"], "as in the rows"
