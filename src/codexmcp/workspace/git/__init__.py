"""Tools to commit and push without running code from a repository."""
