"""Profiles of a Codex home: files `NAME.config.toml`, of which `codex --profile NAME` takes one.

Source: Codex reads profiles as files since 0.134, on top of config.toml. A missing one it silently
ignores, `[profiles.NAME]` tables too, and `profile = "NAME"` in config.toml it refuses (measured on
0.153.4, 0.163.0 and 0.169.0).
"""
