"""Who trains what, when: the one room that knows both training and the store.

The runner claims runs, the trainer pulls a training's events and writes them down; studies and expected times are here,
since they are about what is to be trained.
"""
