"""The command line: one file a group of verbs, each a few lines over the store and `tui.plain`."""
