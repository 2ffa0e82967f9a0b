"""The asyncio client of `codex app-server`: any number of threads over one process.

`events` and `requests` are pure; `child` owns the process, `client` the connection, `turns` one
turn from its start to a found ending. Imports nothing above `jsonrpc`.
"""
