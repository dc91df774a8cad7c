"""What stands behind screens and commands alike: what is chosen, marked, known and about to be launched; no widgets.

`host.Host` says what a screen may ask of the app.
"""
