"""Whole blocks of steps in one compiled call: a net's program is written out from a template a layer kind, and compiled.

`program` puts it together, `compiling` has numba compile it and keeps what it made on disk, `path` trains with it. What
a template is can be read in the module that it becomes: `python -m lazytrain.engine.compute.fused ARCHITECTURE` prints it.
"""
