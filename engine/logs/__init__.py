"""Logs that other programs have written: found in folders, read as they grow, and made runs of a store.

Nothing here imports torch: a file of each format is read by what the format's own package has, or the standard library.
"""
