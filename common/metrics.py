"""Figures about this process, for Prometheus.

Counting happens on every request and so is plain Python; prometheus-client, which is not cheap to import, writes the
exposition when somebody asks for it.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import Any

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
Labels = tuple[tuple[str, str], ...]
Samples = Mapping[Labels, float]


class Histogram:
    """How often values fell into each bucket. `add` is safe from several threads."""

    __slots__ = ('counts', 'total', '_lock')

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0
        self._lock = threading.Lock()

    def add(self, value: float) -> None:
        """Count one value (seconds)."""
        at = bisect_left(BUCKETS, value)
        with self._lock:
            self.counts[at] += 1
            self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper bound, count up to it) as Prometheus wants them."""
        with self._lock:
            counts = list(self.counts)
        found, running = [], 0
        for bound, count in zip((*map(str, BUCKETS), '+Inf'), counts, strict=True):
            running += count
            found.append((bound, float(running)))
        return found


class Metrics:
    """The figures of one process; made by the runtime, handed to whoever counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, str, str, str], Histogram] = {}
        self._counters: dict[str, tuple[str, dict[Labels, float]]] = {}
        self._gauges: dict[str, tuple[str, Callable[[], float | Samples]]] = {}

    def request(self, service: str, method: str, route: str, status: str, seconds: float) -> None:
        """Count one request of an API. `route`: the path's template."""
        key = (service, method, route, status)
        found = self._requests.get(key)
        if found is None:
            with self._lock:
                found = self._requests.setdefault(key, Histogram())
        found.add(seconds)

    def count(self, name: str, help: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter (`pileus_operations_total`); labels must come from a bounded set."""
        key = tuple(sorted(labels.items()))
        with self._lock:
            _, values = self._counters.setdefault(name, (help, {}))
            values[key] = values.get(key, 0.0) + amount

    def gauge(self, name: str, help: str, read: Callable[[], float | Samples]) -> None:
        """Register a figure that is read when asked for: a number, or numbers by labels."""
        with self._lock:
            self._gauges[name] = (help, read)

    def exposition(self) -> tuple[bytes, str]:
        """(text, content type) in Prometheus' format, with the process' own figures."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
        from prometheus_client.exposition import generate_latest

        registry = CollectorRegistry()
        registry.register(self)
        for kind in (ProcessCollector, PlatformCollector, GCCollector):
            kind(registry=registry)
        return generate_latest(registry), CONTENT_TYPE_LATEST

    def collect(self) -> Iterator[Any]:
        """What prometheus-client asks its collectors for."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        requests = HistogramMetricFamily(
            'pileus_http_request_seconds', 'Time to answer a request.', labels=['service', 'method', 'route', 'status']
        )
        for key, histogram in list(self._requests.items()):
            requests.add_metric(list(key), histogram.cumulative(), histogram.total)
        yield requests
        with self._lock:
            counters = {name: (help, dict(values)) for name, (help, values) in self._counters.items()}
            gauges = dict(self._gauges)
        for name, (help, values) in counters.items():
            yield _family(CounterMetricFamily, name, help, values)
        for name, (help, read) in gauges.items():
            value = read()
            yield _family(GaugeMetricFamily, name, help, value if isinstance(value, Mapping) else {(): value})


def _family(kind: Any, name: str, help: str, values: Samples) -> Any:
    names = sorted({label for labels in values for label, _ in labels})
    family = kind(name, help, labels=names)
    for labels, value in values.items():
        given = dict(labels)
        family.add_metric([given.get(label, '') for label in names], value)
    return family
