"""One run's life, the one room that knows both training and the store: begun, written down, saved, paused, ended.

What is to be trained, and by which process, is said in `engine.queue`; how a step is made, in `engine.training`.
"""
