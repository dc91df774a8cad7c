"""What a person sees and types: the screens and the command line.

At this level stands the app, its start and how it is left. Floors, bottom up: words and terminal; charts; state; lists;
widgets; plain; screens; the app; commands.
"""
