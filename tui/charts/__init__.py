"""Curves as cells of a terminal: from stored points to lines of characters, on a screen or in plain output.

Knows curves and marks, not where runs come from.
"""
