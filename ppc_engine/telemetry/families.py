"""Counters and histograms whose labels cannot grow: every label value is fixed when the family is made.

Counting is a dictionary look-up and an addition, since every call pays for it; prometheus_client's own counters take a
lock each time. So these may be used from the hub's thread only, where nothing runs at the same time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import product

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily

OTHER = "other"  # Where a word is counted that is in no closed set.


class Tally:
    """A counter by labels. ``labels`` maps each label to all the words that it may take, besides "other"."""

    def __init__(self, name: str, help_text: str, labels: dict[str, Iterable[str]] | None = None) -> None:
        self._name = name
        self._help = help_text
        self._labels = {label: frozenset(words) | {OTHER} for label, words in (labels or {}).items()}
        self._counts = dict.fromkeys(product(*(sorted(words) for words in self._labels.values())), 0)

    def add(self, *words: str, count: int = 1) -> None:
        """Count under these label values, one a label."""
        if words not in self._counts:
            known = zip(words, self._labels.values(), strict=False)
            words = tuple(word if word in allowed else OTHER for word, allowed in known)
        self._counts[words] += count

    def read(self, *words: str) -> int:
        """What was counted under exactly these label values."""
        return self._counts[words]

    def family(self) -> CounterMetricFamily:
        """The counter as Prometheus reads it."""
        family = CounterMetricFamily(self._name, self._help, labels=list(self._labels))
        for words, count in self._counts.items():
            family.add_metric(words, count)
        return family


class Distribution:
    """A histogram without labels. ``bounds`` are the upper ends of its buckets, ascending, in ``name``'s unit."""

    def __init__(self, name: str, help_text: str, bounds: Sequence[float]) -> None:
        self._name = name
        self._help = help_text
        self._bounds = tuple(float(bound) for bound in bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Add one measured value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def family(self) -> HistogramMetricFamily:
        """The histogram as Prometheus reads it: each bucket counts everything up to its bound."""
        buckets, total = [], 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            buckets.append((bound, total))
        return HistogramMetricFamily(self._name, self._help, buckets=buckets, sum_value=self._sum)
