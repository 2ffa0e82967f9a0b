"""Writes the generated reference pages."""

from __future__ import annotations

from scripts.reference import FOLDER, pages

for name, text in pages().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
