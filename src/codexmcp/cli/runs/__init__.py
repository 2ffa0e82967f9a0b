"""`codexmcp runs`: supervised runs for people in a terminal and for scripts.

`arguments` knows argparse only; `command` loads the rest when it is needed. Each group of commands
maps its arguments to one use case and an exit code. What people read goes through `cli.text`, so
that nothing a prompt, a command or a model says steers the terminal.
"""
