"""Have Codex answer with a value that fits a JSON Schema."""

from __future__ import annotations

import asyncio

from codexmcp import Codex

SCHEMA = {
    "type": "object",
    "properties": {"system": {"type": "string"}, "processors": {"type": "integer"}},
    "required": ["system", "processors"],
    "additionalProperties": False,
}
PROMPT = """Run this command, and answer with what it prints:

```sh
printf '{"system": "%s", "processors": %d}\\n' "$(uname -s)" "$(nproc)"
```
"""


async def main() -> None:
    """Print a field of the value."""
    async with Codex(sandbox="workspace-write") as codex:
        result = await codex.run(PROMPT, output_schema=SCHEMA)
    print(f"{result.output['system']} with {result.output['processors']} processors")


asyncio.run(main())
