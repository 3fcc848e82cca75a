"""Floating IPs: addresses of an external network that lead to a port, and may be led elsewhere."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from common.errors import Conflict, InvalidInput, NotFound
from common.ids import new_id
from network import addresses, floating_links, networks, own_ports, ports, tags
from network.db import floating_ips as queries
from network.db import networks as network_rows
from network.db import routers as router_rows
from network.db import rows
from network.db.models import FLOATING_IPS, PORTS, SUBNETS
from network.work import check_revision

if TYPE_CHECKING:
    from network.work import Work

NOUN = 'floating ip'
SHOW = 'network:floatingips:show'
UPDATE = 'network:floatingips:update'
DELETE = 'network:floatingips:delete'


@dataclasses.dataclass(slots=True)
class FloatingIp:
    """A floating address's row with the port it leads to."""

    row: Any
    port: Any | None


def page(work: Work, filters: dict[str, Any], wanted: Any) -> list[FloatingIp]:
    """A page of the floating addresses that the caller sees."""
    return with_ports(work, queries.page(work.session, filters, wanted, work.viewer))


def with_ports(work: Work, found: list[Any]) -> list[FloatingIp]:
    """Rows with the ports they lead to: one query."""
    known = rows.get_many(work.session, PORTS, [row.port_id for row in found if row.port_id])
    return [FloatingIp(row, known.get(row.port_id or '')) for row in found]


def find(work: Work, floating_id: str, rule: str = SHOW) -> FloatingIp:
    """A floating address that the caller may see, and do this to."""
    return with_ports(work, [find_row(work, floating_id, rule)])[0]


def find_row(work: Work, floating_id: str, rule: str = SHOW, *, lock: bool = False) -> Any:
    """A floating address's row that the caller may see, and do this to."""
    return work.seen(rows.get(work.session, FLOATING_IPS, floating_id, lock=lock), NOUN, floating_id, SHOW, rule)


def create(work: Work, body: dict[str, Any]) -> FloatingIp:
    """A floating address of an external network, leading to a port if one is named. Raises OverQuota, InvalidInput, NotFound, Conflict."""
    project_id = work.project_of(body)
    network = networks.find(work, body['floating_network_id'])
    if not network.external:
        raise InvalidInput(f'Bad floatingip request: Network {network.id} is not a valid external network.', code='bad_request')
    work.service.quotas.reserve(work.session, project_id, {'floatingip': 1})
    floating_id = new_id()
    subnet_id, address = _choose(work, network, body)
    port = ports.add(
        work, network.id, [(subnet_id, address)], project_id='', device_owner=own_ports.FLOATING, device_id=floating_id,
        port_security_enabled=False, status='N/A',
    )  # fmt: skip
    row = rows.insert(
        work.session,
        FLOATING_IPS,
        id=floating_id,
        project_id=project_id,
        floating_ip_address=address,
        floating_network_id=network.id,
        external_port_id=port.row.id,
        description=body.get('description') or '',
        tags=tags.joined(body.get('tags') or []),
    )
    if body.get('port_id'):
        row = rows.update(work.session, FLOATING_IPS, row, **_lead(work, row, body['port_id'], body.get('fixed_ip_address')))
    elif body.get('fixed_ip_address'):
        raise InvalidInput('Bad floatingip request: fixed_ip_address cannot be specified without a port_id.', code='bad_request')
    return with_ports(work, [row])[0]


def _choose(work: Work, network: Any, body: dict[str, Any]) -> tuple[str, str]:
    """The (subnet, address) of a new floating address: IPv4, since nothing else is translated."""
    found = [subnet for subnet in network_rows.subnets_of(work.session, network.id) if subnet.ip_version == 4]
    if not found:
        raise InvalidInput(f'Bad floatingip request: Network {network.id} does not contain any IPv4 subnet.', code='bad_request')
    wanted = {name: body[key] for name, key in (('ip_address', 'floating_ip_address'), ('subnet_id', 'subnet_id')) if body.get(key)}
    if not wanted:
        return addresses.choose_any(work, network.id, found, '', own_ports.FLOATING)[0]
    if 'ip_address' in wanted:
        work.authorize('network:floatingips:set_address')
    return addresses.choose(work, network.id, found, [wanted], mac='', device_owner=own_ports.FLOATING)[0]


def update(work: Work, floating_id: str, body: dict[str, Any], if_revision: int | None = None) -> FloatingIp:
    """Lead a floating address to another port, or to none. As upstream has it, one that leads somewhere is led elsewhere without more ado."""
    row = find_row(work, floating_id, UPDATE, lock=True)
    check_revision(row, if_revision)
    if 'description' in body and body['description'] != row.description:
        row = rows.update(work.session, FLOATING_IPS, row, description=body['description'] or '')
    if 'port_id' in body:
        same = row.port_id == body['port_id'] and body.get('fixed_ip_address') in (None, row.fixed_ip_address)
        if row.port_id and not same:
            held = rows.get(work.session, PORTS, row.port_id)
            row = floating_links.unlink(work, row, held.device_id if held is not None else '')
        if body['port_id'] and not same:
            row = rows.update(work.session, FLOATING_IPS, row, **_lead(work, row, body['port_id'], body.get('fixed_ip_address')))
    elif body.get('fixed_ip_address') is not None:
        if not row.port_id:
            raise InvalidInput('Bad floatingip request: fixed_ip_address cannot be specified without a port_id.', code='bad_request')
        row = rows.update(work.session, FLOATING_IPS, row, **_lead(work, row, row.port_id, body['fixed_ip_address']))
    return with_ports(work, [row])[0]


def delete(work: Work, floating_id: str, if_revision: int | None = None) -> None:
    """Give a floating address back."""
    row = find_row(work, floating_id, DELETE, lock=True)
    check_revision(row, if_revision)
    if row.port_id:
        held = rows.get(work.session, PORTS, row.port_id)
        floating_links.changed(work, row.router_id, (row.port_id, held.device_id if held is not None else ''))
    rows.delete(work.session, FLOATING_IPS, row.id)
    rows.delete(work.session, PORTS, row.external_port_id)


# -- where it leads


def _lead(work: Work, floating: Any, port_id: str, fixed_ip: str | None) -> dict[str, Any]:
    """Columns of a floating address that leads to a port. Raises NotFound, InvalidInput, Conflict."""
    port = ports.find(work, port_id)
    if floating.project_id not in (port.row.project_id, '') and not work.allowed('network:floatingips:any_port'):
        message = f'Bad floatingip request: Port {port_id} is associated with a different tenant than Floating IP {floating.id}.'
        raise InvalidInput(message, code='bad_request')
    subnet_id, address = _fixed(work, port, fixed_ip)
    router = _router_to(work, subnet_id, floating.floating_network_id, port_id)
    for other in queries.of_port(work.session, port.row.id):
        if other.id != floating.id and other.fixed_ip_address == address:
            message = (
                f'Cannot associate floating IP {floating.floating_ip_address} ({floating.id}) with port {port_id} using fixed IP {address}, as '
                f'that fixed IP already has a floating IP on external network {floating.floating_network_id}.'
            )
            raise Conflict(message, code='floating_ip_port_already_associated')
    floating_links.changed(work, router.id, (port.row.id, port.row.device_id))
    return {'port_id': port.row.id, 'fixed_ip_address': address, 'router_id': router.id, 'status': 'ACTIVE'}


def _fixed(work: Work, port: ports.Port, wanted: str | None) -> tuple[str, str]:
    """The (subnet, address) of the port that is meant."""
    found = [(subnet_id, address) for subnet_id, address in port.addresses if ':' not in address]
    if wanted is not None:
        for subnet_id, address in found:
            if address == wanted:
                return subnet_id, address
        raise InvalidInput(f'Bad floatingip request: Port {port.row.id} does not have fixed ip {wanted}.', code='bad_request')
    if not found:
        message = f'Bad floatingip request: Cannot add floating IP to port {port.row.id} that has no fixed IPv4 addresses.'
        raise InvalidInput(message, code='bad_request')
    if len(found) > 1:
        message = f'Bad floatingip request: Port {port.row.id} has multiple fixed IPv4 addresses. Must provide a specific IPv4 address.'
        raise InvalidInput(message, code='bad_request')
    return found[0]


def _router_to(work: Work, subnet_id: str, external_network_id: str, port_id: str) -> Any:
    """The router that leads from the subnet to the external network; the one at the subnet's gateway address first."""
    found = router_rows.leading(work.session, subnet_id, external_network_id)
    if not found:
        message = (
            f'External network {external_network_id} is not reachable from subnet {subnet_id}. Therefore, cannot associate Port {port_id} with '
            'a Floating IP.'
        )
        raise NotFound(message=message, code='external_gateway_for_floating_ip_not_found')
    subnet = rows.need(work.session, SUBNETS, subnet_id)
    return next((row for row in found if row.interface_ip == subnet.gateway_ip), found[0])
