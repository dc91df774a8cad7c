"""Runs as pictures: what a picture shows (`figure`), its curves, axes and letters, and drawing it with matplotlib.

matplotlib is imported by `picture` and what only that imports, when a picture is written.
"""
