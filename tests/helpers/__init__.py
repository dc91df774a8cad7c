"""What tests of several rooms share."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
"""The checkout."""
