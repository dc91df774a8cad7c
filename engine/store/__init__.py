"""What is kept of runs: the SQLite file, the runs' folders beside it, checkpoints, and the locks that show who lives.

`store.Store` is what clients ask, `journal.Journal` what training writes, `reading.Reader` what both read. Nothing here
trains, and but for checkpoints nothing needs torch.
"""
