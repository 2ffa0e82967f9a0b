"""Generates `appserver/contract.json` from our code and the schemas of the tested builds.

`uv run python -m scripts.contract` writes the file. The read fields of events, items and questions
are found by readers of traced samples; answers and sent fields are in `tables`.
"""
