"""Paths that lie in the allowed folders: their names, and opening what they name."""
