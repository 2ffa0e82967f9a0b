"""Tools to list, read, write and edit files."""
