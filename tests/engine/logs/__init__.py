"""Logs of other programs, read into a store."""
