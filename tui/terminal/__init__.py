"""Below and around Textual: the driver, sending and rendering only what changed, signals, the process that waits.

Every private part of Textual that is replaced is replaced here. Nothing about training.
"""
