"""Validation of tool arguments, and the server's fixed policy."""
