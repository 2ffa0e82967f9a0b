"""The search in files, by ripgrep."""
