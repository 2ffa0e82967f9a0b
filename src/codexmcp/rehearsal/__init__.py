"""The scripted Responses API model: values, the rehearsal's rule, and the server.

Import from the submodules; `codexmcp.testing` is the public interface.
"""
