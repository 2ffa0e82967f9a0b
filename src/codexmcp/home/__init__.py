"""What codexmcp knows of a Codex home: its configuration, its login, and how to reach the model.

Writes into a home only what a user asked for, by a plan that was made before.
"""
