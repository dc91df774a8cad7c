"""What the user set for this machine in `settings.toml`, and what follows from it: hours, niceness, notices."""
