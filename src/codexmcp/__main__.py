"""Run the command `codexmcp`."""

import sys

from codexmcp.cli import main

sys.exit(main())
