"""What codexmcp knows of a Codex home: its configuration, its login, and how to reach the model.

Never writes into a home.
"""
