"""The asyncio client of `codex app-server`: any number of threads over a single process.

`events` and `requests` are pure; `child` owns the process, `client` the connection. Imports nothing
above `jsonrpc`.
"""
