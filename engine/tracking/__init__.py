"""Runs that somebody else trains: the client behind `import lazytrain`, and its writer.

Nothing here imports torch, numpy, pydantic or textual: it lives in a user's own process.
"""
