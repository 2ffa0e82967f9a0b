"""The HTTP server: tokens, access to the tools, telemetry.

The only part with starlette and uvicorn, and with `home` and `agents` the only importer of `mcp`.
Must not contain tool logic.
"""
