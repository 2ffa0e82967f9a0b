"""The audit files of runs: request, events and ending of every run, readable without a store.

Promises: known secrets and secret-like text are never written, files are private to their owner,
and a failing file never stops an accepted run. `trail` writes; `reading`, `index` and `finding`
read; `reindex` and `prune` maintain collections of files.
"""
