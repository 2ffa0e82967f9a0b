"""The tools that list, read, write and edit files."""
