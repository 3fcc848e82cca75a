"""Extra routes of routers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.errors import InvalidInput
from network import subnet_ranges as ranges
from network.db import routers as queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from network.work import Work

overlap = ranges.overlap


def _invalid(routes: Sequence[Sequence[str]], reason: str) -> InvalidInput:
    said = '; '.join(f'{destination} by {nexthop}' for destination, nexthop in routes)
    return InvalidInput(f'Invalid format for routes: {said}, {reason}.', code='invalid_routes', field='routes')


def checked(work: Work, router_id: str, routes: list[list[str]]) -> list[list[str]]:
    """The routes, if the router can follow them. Raises InvalidInput."""
    if len(routes) > work.options.max_routes:
        raise InvalidInput(
            f'Unable to complete operation for {router_id}. The number of routes exceeds the maximum {work.options.max_routes}.',
            code='routes_exhausted',
        )
    if len({tuple(route) for route in routes}) != len(routes):
        raise _invalid(routes, 'duplicate entries')
    legs = queries.legs(work.session, router_id) if routes else []
    for destination, next_hop in routes:
        if (':' in destination) != (':' in next_hop):
            raise _invalid(routes, f'the destination {destination} and the nexthop {next_hop} are not of one IP version')
        if not any(ranges.contains(leg.cidr, next_hop) for leg in legs):
            raise _invalid(routes, 'the nexthop is not connected with router')
        if any(leg.ip_address == next_hop for leg in legs):
            raise _invalid(routes, 'the nexthop is used by router')
    return routes


def using(routes: Sequence[Sequence[str]], cidr: str) -> bool:
    """Whether a route leads through a network."""
    return any(ranges.contains(cidr, next_hop) for _, next_hop in routes)
