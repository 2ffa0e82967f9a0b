"""Drive OpenAI's Codex from other programs.

Importing this package does no work and prints nothing: stdout may be a protocol's wire.
"""

__version__ = "0.1.0"
