"""The help behind `?`, and the keys in the last line. Pure."""

from __future__ import annotations

from collections.abc import Sequence

KEYS: Sequence[tuple[str, str]] = (
    ("Enter", "attach"),
    ("i", "stop"),
    ("a", "answer"),
    ("v", "view"),
    ("?", "help"),
    ("q", "quit"),
    ("n", "new"),
    ("s", "steer"),
    ("c", "continue"),
    ("/", "filter"),
    ("y", "copy"),
    ("r", "refresh"),
    ("←→↑↓", "move"),
)
"""Ordered by importance: a narrow terminal shows only the first keys."""

HELP = """\
Keys

  Up, Down        move in a column; past its end comes the next page
  Left, Right     move between the columns (also Tab)
  PageUp, PageDown, Home, End
  Enter           attach: show the thread in Codex's own interface
  a               answer a question that a run waits with
  n               start a run, in the folder of the list
  s               steer: send a working run a message
  c               continue: give an ended run a further prompt
  i               interrupt a run, after asking
  y               copy the id of a run to the clipboard
  v               view the audit of a run
  /               filter by words of the title, id, state or folder;
                  Enter keeps the filter, Esc drops it
  r               look again now
  q, Esc, Ctrl-C  quit; Esc first leaves a dialog or the filter

Attached

  What is typed goes to the thread. /quit or Ctrl-D comes back to this
  list and leaves a run running; Esc and Ctrl-C in there interrupt it.

States

  queued          waits for its turn
  needs answer    Codex asks whether it may do something: press a
  lost            its supervisor or Codex died; Enter takes it up again
"""


def empty_lines(folder: str | None) -> Sequence[str]:
    """Return the message for an empty list.

    Args:
        folder: The folder of the list; None for the runs of all folders.
    """
    where = "in this folder" if folder is not None else "in this Codex home"
    lines = [
        f"No runs {where} yet.",
        "",
        "Press n to start one. Others start runs with",
        '  codexmcp runs start "PROMPT"',
        "and agents with the tool codex_run of",
        "  codexmcp mcp-server --shared",
    ]
    return lines if folder is None else [*lines, "", "Runs of other folders: codex-runs --all"]
