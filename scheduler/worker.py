"""The scheduler's end of its contract."""

from __future__ import annotations

from typing import Any

from common.context import Context
from scheduler.request import Request
from scheduler.service import SchedulerService


class SchedulerWorker:
    """Implements `scheduler.rpc.Scheduler`."""

    def __init__(self, service: SchedulerService) -> None:
        self.service = service

    def claim(self, ctx: Context, consumer: str, request: dict[str, Any]) -> dict[str, Any]:
        """See the contract."""
        return self.service.claims.claim(ctx, consumer, Request.parse(request))

    def dry_run(self, ctx: Context, request: dict[str, Any]) -> dict[str, Any]:
        """See the contract."""
        return self.service.claims.dry_run(ctx, Request.parse(request))

    def release(self, ctx: Context, consumer: str, role: str = 'main') -> None:
        """See the contract."""
        self.service.claims.release(consumer, role)

    def move(self, ctx: Context, consumer: str, request: dict[str, Any]) -> dict[str, Any]:
        """See the contract."""
        return self.service.claims.claim(ctx, consumer, Request.parse(request), 'incoming')

    def settle(self, ctx: Context, consumer: str, keep: str) -> None:
        """See the contract."""
        self.service.claims.settle(consumer, keep)

    def explain(self, ctx: Context, consumer: str) -> dict[str, Any]:
        """See the contract."""
        return self.service.claims.explain(consumer)

    def report(self, ctx: Context, hosts: list[dict[str, Any]]) -> None:
        """See the contract."""
        self.service.hosts.report(hosts)

    def beat(self, ctx: Context, kind: str, names: list[str]) -> None:
        """See the contract."""
        self.service.hosts.beat(kind, names)

    def hosts(self, ctx: Context, kind: str | None = None) -> list[dict[str, Any]]:
        """See the contract."""
        return self.service.hosts.describe(kind)

    def zones(self, ctx: Context, kind: str) -> dict[str, Any]:
        """See the contract."""
        return self.service.hosts.zones(kind)

    def set_host(self, ctx: Context, kind: str, name: str, values: dict[str, Any]) -> None:
        """See the contract."""
        self.service.hosts.set_host(kind, name, values)

    def remove_host(self, ctx: Context, kind: str, name: str) -> None:
        """See the contract."""
        self.service.hosts.remove_host(kind, name)
