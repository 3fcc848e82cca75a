"""What a transaction changes of the hosts' desired state: which hosts must look again.

A domain function notes what it touched; at the end of the transaction the revision of each host concerned is raised in the
same transaction, and after the commit those that live are rung. Losing a ring delays a host, and never loses a change.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from common.db import after_commit
from network.db import hosts as queries

if TYPE_CHECKING:
    from network.work import Work


@dataclasses.dataclass(slots=True)
class Touched:
    """Names of what changed.

    hosts: what is on these hosts. networks: all hosts that take part in them. served: only the hosts that serve them (DHCP,
    routers), since nobody else knows all addresses. members: groups whose addresses changed. groups: groups whose rules did.
    events: (port, device) whose addresses (floating ones too) or groups changed, or that are gone; active: (port, device) that became ACTIVE.
    """

    hosts: set[str] = dataclasses.field(default_factory=set)
    networks: set[str] = dataclasses.field(default_factory=set)
    served: set[str] = dataclasses.field(default_factory=set)
    members: set[str] = dataclasses.field(default_factory=set)
    groups: set[str] = dataclasses.field(default_factory=set)
    events: set[tuple[str, str]] = dataclasses.field(default_factory=set)
    active: set[tuple[str, str]] = dataclasses.field(default_factory=set)


def settle(work: Work) -> None:
    """Raise the revisions of the hosts concerned; arrange that they hear of it after the commit. The last thing in a transaction."""
    touched, service = work.touched, work.service
    if touched.events or touched.active:
        events, active = frozenset(touched.events), frozenset(touched.active)
        after_commit(work.session, lambda: service.announce(work.ctx, active=active, addresses=events))
    if service.simulated:
        return
    hosts = touched.hosts - {''}
    hosts |= queries.of_networks(work.session, touched.networks)
    hosts |= queries.serving(work.session, touched.served - touched.networks)
    hosts |= queries.allowing(work.session, touched.members)
    hosts |= queries.with_groups(work.session, touched.groups)
    if hosts:
        queries.raise_revisions(work.session, hosts)
        after_commit(work.session, lambda: service.ring(work.ctx, hosts))
