"""Tools for clients of the HTTP server: files, portfolio, git, editor extension.

Independent of MCP and HTTP. All access is confined to the folders configured for the server.
"""
