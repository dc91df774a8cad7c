"""Kills, full disks and crowds, for real and on subprocesses: `python -m tests.chaos`. The suite runs quick forms."""
