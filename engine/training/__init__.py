"""The loop: a training is an iterator of events, with evaluation, the learning rate's schedule and the curve's windows.

It knows no thread, no store and no disk: those belong to `engine.queue`.
"""
