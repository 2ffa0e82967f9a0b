"""Codex in a container."""
