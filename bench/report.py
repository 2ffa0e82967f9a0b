"""Figures as a Markdown table. Pure."""

from __future__ import annotations

import statistics

from bench.harness import Measured, Subject, paired

_WHOLE_FROM = 100


def table(subject: Subject, measured: Measured) -> str:
    """Return medians, paired ratios and paired differences; the first driver is the base."""
    base = subject.drivers[0].name
    metrics = list(dict.fromkeys(name for samples in measured.values() for name in samples))
    head = "".join(f" {metric}, {subject.unit} | x | + |" for metric in metrics)
    lines = [f"| |{head}", "|---|" + "---:|" * (3 * len(metrics))]
    for driver, samples in measured.items():
        cells = "".join(
            _cells(samples.get(metric, []), measured[base].get(metric, [])) for metric in metrics
        )
        lines.append(f"| {driver} |{cells}")
    rounds = max(len(values) for values in measured[base].values())
    note = f"Medians of {rounds} rounds; x and +: ratio and difference to {base}, round by round."
    return "\n".join([*lines, "", note])


def _cells(values: list[float], base: list[float]) -> str:
    if not values:
        return " | | |"
    figure = f" {_number(statistics.median(values))} |"
    if not base or values is base:
        return f"{figure} | |"
    ratio, difference = paired(values, base)
    return f"{figure} {ratio:.2f} | {'+' if difference >= 0 else '-'}{_number(abs(difference))} |"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < _WHOLE_FROM else f"{value:.0f}"
