"""Binding: on which host a port is, and whether it is wired there.

A port that is bound is DOWN until the agent of its host has wired it and says so; where nobody makes networks real (driver
`simulated`) it is ACTIVE at once. DOWN is no state of waiting: it says what is true, and the next report makes it ACTIVE.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common.errors import InvalidInput
from network.db import hosts

if TYPE_CHECKING:
    from network.work import Work

ACTIVE, DOWN = 'ACTIVE', 'DOWN'
HOST, VNIC, PROFILE = 'binding:host_id', 'binding:vnic_type', 'binding:profile'
_MOST_PROFILE = 64


def fresh(work: Work, body: dict[str, Any]) -> dict[str, Any]:
    """Columns of a new port. Raises InvalidInput."""
    host = body.get(HOST) or ''
    return {
        'host': host,
        'vnic_type': body.get(VNIC) or 'normal',
        'profile': _profile(body.get(PROFILE)),
        'status': _status(work, host, body.get('admin_state_up', True)),
    }


def _profile(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given and len(given) > _MOST_PROFILE:
        raise InvalidInput(f'binding:profile may have at most {_MOST_PROFILE} keys.', code='invalid_value', field=PROFILE)
    return given or None


def _status(work: Work, host: str, admin_state_up: bool) -> str:
    return ACTIVE if host and admin_state_up and work.service.simulated else DOWN


def changes(work: Work, row: Any, body: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Columns that change with a request's binding fields. `others`: what else changes."""
    found: dict[str, Any] = {}
    if HOST in body and (body[HOST] or '') != row.host:
        found['host'] = body[HOST] or ''
    if body.get(VNIC) and body[VNIC] != row.vnic_type:
        found['vnic_type'] = body[VNIC]
    if PROFILE in body and (body[PROFILE] or None) != row.profile:
        found['profile'] = _profile(body[PROFILE])
    host = found.get('host', row.host)
    up = others.get('admin_state_up', row.admin_state_up)
    if 'host' in found or not up or ('admin_state_up' in others and work.service.simulated):
        status = _status(work, host, up)
        if status != row.status:
            found['status'] = status
    return found


def pairs_of(row: Any) -> list[dict[str, str]]:
    """Allowed address pairs as clients write them."""
    return [{'mac_address': mac, 'ip_address': address} for mac, address in row.allowed_address_pairs or ()]


def vif_type(row: Any) -> str:
    """How a hypervisor plugs into the port."""
    return 'bridge' if row.host else 'unbound'


def arrived(work: Work, row: Any, groups: Iterable[str], was: str = '') -> None:
    """A port is on its host now, or has changed there: note who must know."""
    if not row.host:
        return
    if row.status == ACTIVE != was and row.device_id and work.service.simulated:
        work.touched.active.add((row.id, row.device_id))
    _concerns(work, row, groups)


def left(work: Work, row: Any, groups: Iterable[str]) -> None:
    """A port is about to leave its host, or to change there: note who must know."""
    if row.host:
        _concerns(work, row, groups)


def _concerns(work: Work, row: Any, groups: Iterable[str]) -> None:
    """Its host; those who serve the network; those who let its groups in; and all on the network, if the set of hosts changes."""
    if work.service.simulated:
        return
    touched = work.touched
    touched.hosts.add(row.host)
    touched.served.add(row.network_id)
    touched.members.update(groups)
    if row.network_id not in touched.networks and not hosts.takes_part(work.session, row.network_id, row.host, row.id):
        touched.networks.add(row.network_id)
