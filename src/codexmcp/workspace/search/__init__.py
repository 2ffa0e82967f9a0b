"""Search in files with ripgrep."""
