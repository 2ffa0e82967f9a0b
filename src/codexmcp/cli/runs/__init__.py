"""`codexmcp runs`: supervised runs for people in a terminal and for scripts.

Text for people passes `cli.text`, so that prompts, commands and models cannot steer the terminal.
"""
