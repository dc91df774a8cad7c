"""What can be told of runs that are there: what differs, filters, curves, overfitting, what a net has learned.

It reads the store and never writes it, and knows nothing of the queue.
"""
