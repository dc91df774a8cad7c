"""Trains nets and keeps their runs; knows no screen."""
