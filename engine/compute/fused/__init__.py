"""Whole blocks of steps in one compiled call: a net's program is written from a template a layer kind, and compiled.

`stack` finds the stages of a net, `on_planes` and `on_vectors` have their templates, `program` puts them together,
`lowering` says it in LLVM's language, `compiling` has LLVM compile that and keeps what it made on disk, and `path`
trains with it.
"""
