"""The most memory that processes take together, while something goes on."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from bench.processes import shared_out_mb

_INTERVAL_S = 0.2


@dataclass(slots=True)
class Peak:
    """The most that was seen so far.

    Attributes:
        mb: Their memory, with what they share counted once.
    """

    mb: float = 0.0


@contextlib.contextmanager
def peak_of(processes: Callable[[], Iterable[int]]) -> Generator[Peak, None, None]:
    """Look at the memory of processes again and again while the block runs.

    Args:
        processes: Tells which there are. Looking at a hundred takes a core half a second.
    """
    peak, ended = Peak(), threading.Event()

    def watch() -> None:
        while not ended.is_set():
            peak.mb = max(peak.mb, shared_out_mb(processes()))
            ended.wait(_INTERVAL_S)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        ended.set()
        watching.join()
