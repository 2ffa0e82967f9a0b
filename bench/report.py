"""Figures as a Markdown table. Pure."""

from __future__ import annotations

import statistics

from bench.harness import Measured, Subject, paired

_WHOLE_FROM = 100
_WIDE_FROM = 7


def table(subject: Subject, measured: Measured) -> str:
    """Return medians, paired ratios and paired differences; the first driver is the base.

    With many metrics each has a row, and only the ratios are given beside it.
    """
    metrics = list(dict.fromkeys(name for samples in measured.values() for name in samples))
    turned = len(metrics) >= _WIDE_FROM
    lines = _by_metric(measured, metrics) if turned else _by_driver(measured, metrics)
    base = subject.drivers[0].name
    rounds = max(len(values) for values in measured[base].values())
    note = f"Medians of {rounds} rounds; x and +: ratio and difference to {base}, round by round."
    return "\n".join([*lines, "", note])


def _by_driver(measured: Measured, metrics: list[str]) -> list[str]:
    head = "".join(f" {metric} | x | + |" for metric in metrics)
    lines = [f"| |{head}", "|---|" + "---:|" * (3 * len(metrics))]
    base = next(iter(measured.values()))
    for driver, samples in measured.items():
        cells = (_cells(samples.get(name, []), base.get(name, [])) for name in metrics)
        lines.append(f"| {driver} | {' | '.join(cell for row in cells for cell in row)} |")
    return lines


def _by_metric(measured: Measured, metrics: list[str]) -> list[str]:
    lines = [f"| | {' | x | '.join(measured)} | x |", "|---|" + "---:|" * (2 * len(measured))]
    base = next(iter(measured.values()))
    for metric in metrics:
        pairs = (
            _cells(samples.get(metric, []), base.get(metric, []))[:2]
            for samples in measured.values()
        )
        lines.append(f"| {metric} | {' | '.join(cell for pair in pairs for cell in pair)} |")
    return lines


def _cells(values: list[float], base: list[float]) -> tuple[str, str, str]:
    """Return a figure, and its ratio and difference to the base where there is another."""
    if not values:
        return "", "", ""
    figure = _number(statistics.median(values))
    if values is base or not base or not all(base):
        return figure, "", ""
    ratio, difference = paired(values, base)
    sign = "+" if difference >= 0 else "-"
    return figure, f"{ratio:.2f}", f"{sign}{_number(abs(difference))}"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < _WHOLE_FROM else f"{value:.0f}"
