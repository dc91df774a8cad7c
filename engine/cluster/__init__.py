"""Several machines: runs that a Ray cluster's nodes train, while this process alone writes the store.

Ray is an extra, imported where it is used and nowhere above.
"""
