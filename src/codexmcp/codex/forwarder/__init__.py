"""The forwarder: a loopback HTTP server that adds the API key to model requests.

A separate process, started by `codexmcp.codex.key_proxy`. Uses only threads and sockets: the
process starts beside Codex and must not delay Codex.
"""
