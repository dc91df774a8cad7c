"""Trainings whose loop another library has."""
