"""The options of each command: one module per command, with its classes and its `COMMANDS`.

Imports only `command_line` and `units`, so that help and usage errors come at once. Use cases are
named as text and imported by `app`.
"""
