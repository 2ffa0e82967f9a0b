"""The audit files of runs: what every run was asked, did and came to, readable without a store.

Promises: no secret that is known or looks like one is written, files are for their owner only, and
trouble with a file never stops a run that was accepted. `trail` writes; `reading`, `index` and
`finding` read; `reindex` and `prune` look after what has gathered.
"""
