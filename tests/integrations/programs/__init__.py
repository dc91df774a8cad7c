"""Trainings that never end by themselves, as small as the libraries allow."""
