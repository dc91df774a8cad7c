"""How one step is computed: nets from presets, the device, and the paths that a step can take on it.

A faster path belongs here. Nothing of epochs, runs or the store; `paths` has the rule that chooses.
"""
