"""Writes the contract's file."""

from __future__ import annotations

from codexmcp.appserver.contract import FILE, contract, write_contract
from scripts.contract.builds import schemas_of
from scripts.contract.making import make_contract

if __name__ == "__main__":
    before = contract()
    made = make_contract(schemas_of(before.tested), before.untranslated)
    FILE.write_text(write_contract(made), encoding="utf-8")
