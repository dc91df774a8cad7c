"""Taking runs away: tables, JSON, TensorBoard's event files, pictures, and weights that load without lazytrain.

`engine.export.formats.plan_export` says which files an export makes; nothing is written before all of them may be.
"""
