"""Paths in the allowed folders: names, and confined opening."""
