"""Runs that a user's own program trains."""
