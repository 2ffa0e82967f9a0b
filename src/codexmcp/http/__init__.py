"""The HTTP server: tokens, its door to the tools, telemetry.

The one part beside `home` and `agents` that imports `mcp`, and the only one with starlette and
uvicorn. Must not decide what a tool does.
"""
