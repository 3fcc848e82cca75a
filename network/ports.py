"""Ports."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common.errors import Conflict, NotFound
from network import addresses, bindings, floating_links, own_ports, port_checks, port_groups, tags
from network.db import addresses as allocations
from network.db import networks as network_rows
from network.db import ports as queries
from network.db import rows
from network.db.models import NETWORKS, PORTS
from network.work import check_revision

if TYPE_CHECKING:
    from network.work import Work

NOUN = 'port'
SHOW = 'network:ports:show'
UPDATE = 'network:ports:update'
DELETE = 'network:ports:delete'
AS_NETWORK_OWNER = 'network:ports:as_network_owner'
_PLAIN = ('name', 'description', 'device_id', 'device_owner', 'admin_state_up')
Pair = tuple[str, str]


@dataclasses.dataclass(slots=True)
class Port:
    """A port's row with its (subnet, address) pairs and the ids of its groups."""

    row: Any
    addresses: Sequence[Pair]
    groups: Sequence[str]


def page(work: Work, filters: dict[str, Any], wanted: Any) -> list[Port]:
    """A page of the ports that the caller sees: three queries, however many."""
    return with_parts(work, queries.page_of_ports(work.session, filters, wanted, work.viewer))


def with_parts(work: Work, found: Sequence[Any]) -> list[Port]:
    """Rows with what stands in other tables."""
    if not found:
        return []
    names = [row.id for row in found]
    held, groups = allocations.of_ports(work.session, names), queries.groups_of(work.session, names)
    return [Port(row, held.get(row.id, []), groups.get(row.id, [])) for row in found]


def find_row(work: Work, port_id: str, rule: str = SHOW, *, lock: bool = False) -> Any:
    """A port's row that the caller may see (its own, or on its network), and do this to. Raises NotFound, Forbidden."""
    row = rows.get(work.session, PORTS, port_id, lock=lock)
    if row is not None and not work.allowed(SHOW, row):
        network = rows.get(work.session, NETWORKS, row.network_id)
        if network is None or not work.allowed(SHOW, network):
            raise NotFound(NOUN, port_id)
        if rule != SHOW:
            work.authorize(rule, network)
        return row
    return work.seen(row, NOUN, port_id, SHOW, rule)


def find(work: Work, port_id: str, rule: str = SHOW) -> Port:
    """A port that the caller may see, and do this to. Raises NotFound, Forbidden."""
    return with_parts(work, [find_row(work, port_id, rule)])[0]


def random_mac(work: Work) -> str:
    """A MAC address under the configured prefix."""
    tail = random.randrange(1 << 24)
    return f'{work.options.mac_prefix}:{tail >> 16:02x}:{tail >> 8 & 255:02x}:{tail & 255:02x}'


# -- making


def create(work: Work, body: dict[str, Any]) -> Port:
    """A new port on a network that the caller sees. Raises NotFound, OverQuota, Conflict, InvalidInput, Forbidden."""
    network = work.seen(rows.get(work.session, NETWORKS, body['network_id']), 'network', body['network_id'], 'network:networks:show')
    project_id = work.project_of(body)
    _authorize(work, network, body)
    work.service.quotas.reserve(work.session, project_id, {'port': 1})
    owner = body.get('device_owner') or ''
    mac = body.get('mac_address')
    if mac and queries.mac_is_used(work.session, network.id, mac):
        raise _mac_in_use(network.id, mac)
    mac = mac or random_mac(work)
    subnets = network_rows.subnets_of(work.session, network.id)
    if body.get('fixed_ips') is None:
        chosen = addresses.choose_any(work, network.id, subnets, mac, owner)
    else:
        chosen = addresses.choose(work, network.id, subnets, body['fixed_ips'], mac=mac, device_owner=owner)
    secure = _is_secure(network, body.get('port_security_enabled'), owner)
    groups = port_groups.of_new(work, body.get('security_groups'), project_id, secure, bool(chosen))
    return add(
        work,
        network.id,
        chosen,
        groups,
        mac=mac,
        project_id=project_id,
        **{name: body[name] for name in _PLAIN if body.get(name) is not None},
        **bindings.fresh(work, body),
        port_security_enabled=secure,
        allowed_address_pairs=port_checks.address_pairs(work, body.get('allowed_address_pairs') or (), mac, chosen, secure) or None,
        extra_dhcp_opts=port_checks.dhcp_options(body.get('extra_dhcp_opts') or (), ()) or None,
        tags=tags.joined(body.get('tags') or []),
    )


def add(work: Work, network_id: str, chosen: Sequence[Pair], groups: Sequence[str] = (), *, mac: str = '', **columns: Any) -> Port:
    """Write a port with these addresses and groups. Asks no policy and no quota: the cloud's own ports are made so."""
    row = rows.insert(work.session, PORTS, network_id=network_id, mac_address=mac or random_mac(work), **columns)
    allocations.add(work.session, network_id, row.id, chosen)
    if groups:
        queries.set_groups(work.session, row.id, groups, fresh=True)
    bindings.arrived(work, row, groups)
    return Port(row, chosen, groups)


def _mac_in_use(network_id: str, mac: str) -> Conflict:
    message = f'Unable to complete operation for network {network_id}. The mac address {mac} is in use.'
    return Conflict(message, code='mac_address_in_use')


def _is_secure(network: Any, given: bool | None, device_owner: str) -> bool:
    """Whether a port is filtered: as it says, or as its network does; the cloud's own ports are not."""
    if device_owner.startswith('network:'):
        return False
    return bool(network.port_security_enabled if given is None else given)


def _authorize(work: Work, network: Any, body: dict[str, Any]) -> None:
    """Raises Forbidden for what only the owner of the network may say about a port on it."""
    asked = any(body.get(name) is not None and not port_checks.harmless(name, body[name]) for name in port_checks.OWNER_FIELDS)
    if asked or (body.get('device_owner') or '').startswith('network:'):
        work.authorize(AS_NETWORK_OWNER, network)


# -- changing


def update(work: Work, port_id: str, body: dict[str, Any], if_revision: int | None = None) -> Port:
    """Change a port. Raises InvalidInput, Conflict, Forbidden."""
    row = find_row(work, port_id, UPDATE, lock=True)
    check_revision(row, if_revision)
    network = rows.get(work.session, NETWORKS, row.network_id)
    _authorize(work, network, body)
    before = with_parts(work, [row])[0]
    changes = {name: body[name] for name in _PLAIN if body.get(name) is not None and body[name] != getattr(row, name)}
    port_checks.device_change(row, changes)
    if 'mac_address' in body and body['mac_address'] != row.mac_address:
        changes['mac_address'] = _new_mac(work, row, body['mac_address'])
    if body.get('port_security_enabled') not in (None, row.port_security_enabled):
        changes['port_security_enabled'] = body['port_security_enabled']
    secure = changes.get('port_security_enabled', row.port_security_enabled)
    mac = changes.get('mac_address', row.mac_address)
    chosen = _readdressed(work, network, before, body, mac, changes)
    _lists(work, row, body, chosen, mac, secure, changes)
    groups = port_groups.of_changed(work, row, before.groups, body, secure)
    changes.update(bindings.changes(work, row, body, changes))
    if not changes and chosen == before.addresses and groups == before.groups:
        return before
    bindings.left(work, row, before.groups)
    if chosen != before.addresses:
        allocations.replace(work.session, row.network_id, row.id, chosen)
    if groups != before.groups:
        queries.set_groups(work.session, row.id, groups)
    changed = rows.update(work.session, PORTS, row, **changes)
    bindings.arrived(work, changed, groups, row.status)
    if chosen != before.addresses or groups != before.groups or 'mac_address' in changes:
        _tell(work, changed)
    return Port(changed, chosen, groups)


def _new_mac(work: Work, row: Any, mac: str | None) -> str:
    if row.host:
        message = (
            f'Unable to complete operation on port {row.id}, port is already bound; its MAC address can be changed once it is unbound.'
        )
        raise Conflict(message, code='port_bound')
    if mac and queries.mac_is_used(work.session, row.network_id, mac):
        raise _mac_in_use(row.network_id, mac)
    return mac or random_mac(work)


def _readdressed(work: Work, network: Any, before: Port, body: dict[str, Any], mac: str, changes: dict[str, Any]) -> Sequence[Pair]:
    """The addresses after the change. Floating addresses that lead to one that goes lead nowhere then."""
    if body.get('fixed_ips') is None:
        return before.addresses
    row = before.row
    subnets = network_rows.subnets_of(work.session, network.id)
    owner = changes.get('device_owner', row.device_owner)
    chosen = addresses.choose(work, network.id, subnets, body['fixed_ips'], mac=mac, device_owner=owner, have=before.addresses)
    lost = {address for _, address in before.addresses} - {address for _, address in chosen}
    if lost:
        floating_links.unlink_port(work, row.id, lost)
    return before.addresses if list(chosen) == list(before.addresses) else chosen


def _lists(work: Work, row: Any, body: dict[str, Any], held: Sequence[Pair], mac: str, secure: bool, changes: dict[str, Any]) -> None:
    """Put what changes of the lists in the port's own row into `changes`."""
    given = body.get('allowed_address_pairs')
    if 'allowed_address_pairs' in body:
        pairs = port_checks.address_pairs(work, given or (), mac, held, secure) or None
        if pairs != (row.allowed_address_pairs or None):
            changes['allowed_address_pairs'] = pairs
    elif row.allowed_address_pairs and not secure:
        port_checks.address_pairs(work, bindings.pairs_of(row), mac, (), secure)
    if body.get('extra_dhcp_opts'):
        options = port_checks.dhcp_options(body['extra_dhcp_opts'], row.extra_dhcp_opts or ()) or None
        if options != (row.extra_dhcp_opts or None):
            changes['extra_dhcp_opts'] = options


def _tell(work: Work, row: Any) -> None:
    """Let the compute service hear that the port of a server is not what it was, unless it changed the port itself."""
    if row.device_id and row.device_owner.startswith('compute:') and not work.ctx.is_service:
        work.touched.events.add((row.id, row.device_id))


# -- removing


def delete(work: Work, port_id: str, if_revision: int | None = None) -> None:
    """Delete a port. Raises Conflict for the ports of routers and floating IPs, which have their own ways to go."""
    row = find_row(work, port_id, DELETE, lock=True)
    check_revision(row, if_revision)
    if row.device_owner in own_ports.SERVED and row.device_id:
        message = f'Port {row.id} cannot be deleted directly via the port API: has device owner {row.device_owner}.'
        raise Conflict(message, code='service_port_in_use')
    remove(work, row)


def remove(work: Work, row: Any) -> None:
    """Delete a port with all that hangs on it; asks nobody."""
    groups = queries.groups_of(work.session, [row.id]).get(row.id, ())
    floating_links.unlink_port(work, row.id)
    bindings.left(work, row, groups)
    _tell(work, row)
    queries.delete_all(work.session, [row.id])
