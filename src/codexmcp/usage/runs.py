"""Usage of supervised runs without a rollout in this Codex home.

The store of runs has the total tokens of a run, but not their provider.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from codexmcp.jsonvalues import text_of
from codexmcp.runs.run import Run
from codexmcp.runs.store import Selection
from codexmcp.usage.index import SpendingSum
from codexmcp.usage.tokens import Tokens

_PAGE = 500


def sums_of_runs(
    select: Callable[[Selection], Sequence[Run]],
    threads: Collection[str],
    since: float | None,
    until: float | None,
) -> Iterator[SpendingSum]:
    """Yield the usage of runs without a rollout.

    Args:
        select: Returns runs of the store, newest first.
        threads: The threads with a rollout.
        since: Unix time; None means from the beginning.
        until: Unix time, exclusive; None means to the end.

    Raises:
        StoreError: The store is not readable.
    """
    before: int | None = None
    while True:
        page = select(Selection(before=before, limit=_PAGE))
        for run in page:
            at = run.ended_at or run.started_at or run.created_at
            is_asked = (since is None or at >= since) and (until is None or at < until)
            if is_asked and run.thread_id not in threads and (tokens := _tokens(run)):
                yield _sum(run, at, tokens)
        if len(page) < _PAGE:
            return
        before = page[-1].sequence


def _tokens(run: Run) -> Tokens:
    usage = run.progress.usage
    return Tokens(
        input=usage.input_tokens,
        cached=usage.cached_input_tokens,
        output=usage.output_tokens,
        reasoning=usage.reasoning_output_tokens,
    )


def _sum(run: Run, at: float, tokens: Tokens) -> SpendingSum:
    return SpendingSum(
        at=int(at),
        model=text_of(run.request.thread.get("model")) or "",
        provider=text_of(run.request.thread.get("modelProvider")) or "",
        cwd=run.request.cwd,
        limits=0,
        requests=0,
        tokens=tokens,
    )
