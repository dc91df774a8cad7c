"""Lists that one goes through with keys: presets, runs, a study's runs. A list shows what it is given."""
