"""torchvision's classification sets: what is known of each, and fetching them in a process of their own.

`table` and `sets` need no torchvision, whose import takes seconds. Decoding them is `engine.data.vision_sources`.
"""
