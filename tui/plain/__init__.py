"""What is told without a screen: tables, JSON, progress lines, images, and following a run through its signals."""
