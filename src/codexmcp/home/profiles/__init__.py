"""Profiles of a Codex home: files `NAME.config.toml`, selected by `codex --profile NAME`.

Source: since 0.134 Codex reads profiles as files, on top of config.toml. Codex silently ignores a
missing profile and tables `[profiles.NAME]`, and refuses `profile = "NAME"` in config.toml
(measured on 0.153.4, 0.163.0 and 0.169.0).
"""
