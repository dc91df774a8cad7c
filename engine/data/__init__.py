"""Images as tensors: which datasets there are, how they are found, decoded, cached, batched and augmented.

No nets, no steps, no store. `loading.load_dataset` is the way in; `datasets` describes them without torch.
"""
