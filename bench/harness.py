"""Interleaved measurement: in each round every driver runs once, in a random order.

Figures of one machine drift by tens of percent over minutes, so only drivers that were measured
within one round are compared: a ratio is the median of the rounds' own ratios.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Sample = Mapping[str, float]
"""One driver's figures of one round, by metric; its name ends in the unit."""

Measured = dict[str, dict[str, list[float]]]
"""All figures: driver, metric, one value a round."""


@dataclass(frozen=True, slots=True)
class Driver:
    """One way to do the same thing.

    Attributes:
        name: What the table calls it.
        measure: Does it once and returns its figures; raises when a result is wrong.
    """

    name: str
    measure: Callable[[], Sample]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured, and what is compared.

    Attributes:
        drivers: The ways, the one that the others are compared with first.
        max_rounds: Rounds beyond this are not worth their time; None for no bound.
        warms_up: Whether a first round only warms caches.
    """

    drivers: Sequence[Driver]
    max_rounds: int | None = None
    warms_up: bool = True


def measure(subject: Subject, rounds: int, say: Callable[[str], None]) -> Measured:
    """Return the figures of the subject's rounds.

    Args:
        subject: What to measure.
        rounds: How many rounds count at most.
        say: Is told how far it is.
    """
    measured: Measured = {driver.name: {} for driver in subject.drivers}
    rounds = min(rounds, subject.max_rounds or rounds)
    for number in range(0 if subject.warms_up else 1, rounds + 1):
        say(f"  round {number} of {rounds}")
        for driver in random.sample(subject.drivers, len(subject.drivers)):
            try:
                sample = driver.measure()
            except Exception as error:
                error.add_note(f"This was {driver.name}, in round {number}.")
                raise
            if number == 0:
                continue
            for metric, value in sample.items():
                measured[driver.name].setdefault(metric, []).append(value)
    return measured


def paired(values: Sequence[float], base: Sequence[float]) -> tuple[float, float]:
    """Return the median ratio and the median difference of two drivers, round by round."""
    rounds = list(zip(values, base, strict=True))
    ratio = statistics.median(value / other for value, other in rounds)
    return ratio, statistics.median(value - other for value, other in rounds)
