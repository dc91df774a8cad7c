def test_every_field_has_a_meaning_not_only_limits() -> None:
    for fields in form_groups().values():
        for field in fields:
            assert field.about.partition(" (")[0].endswith("."), field.name
