"""Skills of a Codex home: discovery, parsing and checks.

Source: Codex's rules are measured on 0.153.4 and 0.163.0 with `skills/list` of its app-server; a
test asks the real Codex about every case.
"""
