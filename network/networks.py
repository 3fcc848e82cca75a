"""Networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput
from network import agents, own_ports, segments, tags
from network.db import floating_ips as floating_rows
from network.db import networks as queries
from network.db import rows
from network.db.models import FLOATING_IPS, NETWORKS, PORTS
from network.work import check_revision

if TYPE_CHECKING:
    from network.work import Work

NOUN = 'network'
SHOW = 'network:networks:show'
UPDATE = 'network:networks:update'
DELETE = 'network:networks:delete'
_PLAIN = ('name', 'description', 'admin_state_up', 'shared', 'port_security_enabled', 'is_default', 'mtu')
_MIN_IPV6_MTU = 1280


def page(work: Work, filters: dict[str, Any], wanted: Any) -> list[Any]:
    """A page of the networks that the caller sees."""
    return queries.page_of_networks(work.session, filters, wanted, work.viewer)


def find(work: Work, network_id: str, rule: str = SHOW, *, lock: bool = False) -> Any:
    """A network that the caller may see, and do this to. Raises NotFound, Forbidden."""
    return work.seen(rows.get(work.session, NETWORKS, network_id, lock=lock), NOUN, network_id, SHOW, rule)


def create(work: Work, body: dict[str, Any]) -> Any:
    """A new network on a segment of its own. Raises OverQuota, InvalidInput, Conflict."""
    project_id = work.project_of(body)
    work.service.quotas.reserve(work.session, project_id, {'network': 1})
    segment = segments.choose(work, body)
    largest = work.service.segments.mtu(segment.kind)
    mtu = body.get('mtu') or largest
    _check_mtu(mtu, largest)
    return rows.insert(
        work.session,
        NETWORKS,
        project_id=project_id,
        **{name: body[name] for name in _PLAIN if name in body and name != 'mtu'},
        mtu=mtu,
        external=bool(body.get('router:external')),
        network_type=segment.kind,
        physical_network=segment.physical,
        segmentation_id=segment.number,
        segment_key=segment.key,
        availability_zone_hints=agents.hinted(work, body.get('availability_zone_hints')),
        tags=tags.joined(body.get('tags') or []),
    )


def _check_mtu(mtu: int, largest: int) -> None:
    if mtu > largest:
        raise InvalidInput(f'The mtu can be at most {largest} on this kind of network.', code='invalid_value', field='mtu')


def update(work: Work, network_id: str, body: dict[str, Any], if_revision: int | None = None) -> Any:
    """Change a network. Raises Conflict where other projects use what is to be taken from them."""
    network = find(work, network_id, UPDATE, lock=True)
    check_revision(network, if_revision)
    changes = {name: body[name] for name in _PLAIN if name in body and body[name] != getattr(network, name)}
    if 'router:external' in body and body['router:external'] != network.external:
        changes['external'] = body['router:external']
    _check_sharing(work, network, changes)
    if 'mtu' in changes:
        _change_mtu(work, network, changes)
    if not changes:
        return network
    changed = rows.update(work.session, NETWORKS, network, **changes)
    if changes.keys() & {'admin_state_up', 'mtu', 'external'}:
        work.touched.networks.add(network.id)
    return changed


def _check_sharing(work: Work, network: Any, changes: dict[str, Any]) -> None:
    if changes.get('shared') is False and queries.used_by_others(work.session, network.id, network.project_id):
        message = f'Unable to reconfigure sharing settings for network {network.id}. Multiple tenants are using it.'
        raise Conflict(message, code='invalid_shared_setting')
    if changes.get('external') is False and queries.owners_on(work.session, network.id).keys() & {
        'network:router_gateway',
        'network:floatingip',
    }:
        message = f'External network {network.id} cannot be updated to be made non-external, since it has existing gateway ports.'
        raise Conflict(message, code='external_network_in_use')


def _change_mtu(work: Work, network: Any, changes: dict[str, Any]) -> None:
    largest = work.service.segments.mtu(network.network_type)
    changes['mtu'] = changes['mtu'] or largest
    _check_mtu(changes['mtu'], largest)
    if changes['mtu'] < _MIN_IPV6_MTU and any(subnet.ip_version == 6 for subnet in queries.subnets_of(work.session, network.id)):
        raise InvalidInput(f'A network with IPv6 subnets needs an mtu of at least {_MIN_IPV6_MTU}.', code='invalid_value', field='mtu')


def delete(work: Work, network_id: str, if_revision: int | None = None) -> None:
    """Delete a network with its subnets. Raises Conflict while ports other than the cloud's own are on it."""
    network = find(work, network_id, DELETE, lock=True)
    check_revision(network, if_revision)
    if network.external:
        _release_floating(work, network.id)
    others = {owner: number for owner, number in queries.owners_on(work.session, network.id).items() if owner not in own_ports.AUTO_DELETE}
    if others:
        message = f'Unable to complete operation on network {network.id}. There are one or more ports still in use on the network: '
        message += ', '.join(f'{number} of {owner or "no device"}' for owner, number in sorted(others.items())) + '.'
        raise Conflict(message, code='network_in_use', details={'ports': others})
    work.touched.networks.add(network.id)
    own_ports.remove_from(work, network.id)
    queries.delete_network(work.session, network.id)


def _release_floating(work: Work, network_id: str) -> None:
    """Give back the floating addresses of a network that lead nowhere: they go with it."""
    for floating in floating_rows.leading_nowhere(work.session, network_id):
        rows.delete(work.session, FLOATING_IPS, floating.id)
        rows.delete(work.session, PORTS, floating.external_port_id)
