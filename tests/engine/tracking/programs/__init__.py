"""Programs that log, each run by a test in processes of its own."""
