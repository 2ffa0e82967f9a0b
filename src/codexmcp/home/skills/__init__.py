"""Skills of a Codex home: finding them, reading them, and telling what is wrong with them.

What Codex itself accepts is measured on 0.153.4 and 0.163.0, by `skills/list` of its app-server,
and held by a test that asks the real Codex about every case.
"""
