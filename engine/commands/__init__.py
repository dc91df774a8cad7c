"""Commands of the user's: started when their turn comes, watched, steered, and their output read.

A command has a supervising process of its own (`job`), which knows neither torch nor who trains what else.
"""
