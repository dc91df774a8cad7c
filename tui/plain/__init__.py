"""What is told without a screen: tables, JSON, progress lines, and following a run through its signals."""
