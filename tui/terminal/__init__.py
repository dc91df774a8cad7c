"""The terminal and the process below Textual: descriptors, signals, what the terminal answers, the process that waits.

Nothing of Textual's is replaced here, and nothing about training.
"""
