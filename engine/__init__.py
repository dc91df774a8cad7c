"""Trains nets and keeps their runs; knows no screen.

At this level stand the words that every room uses: configurations, events, records, errors, places. They import none of
the rooms, and no torch. Floors, bottom up: data, compute, training; beside these three store; then settings, analysis,
queue, export. A room imports from the floors below it.
"""
