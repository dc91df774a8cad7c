"""Parts of Textual and plotext that are replaced: what is sent, how a style is read, whose turn a key has.

All that leans on what they don't promise to keep is here; `parts` lists it. Nothing about training.
"""
