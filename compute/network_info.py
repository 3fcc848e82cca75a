"""A server's ports as compute keeps them in its own row, so that no list of servers has to ask the network service.

One entry for each port, in the order of the request:
`{port_id, network_id, label, mac, mtu, created_by_us, groups: {id: name}, tag, ips: [{address, version, subnet_id, floating: [..]}],
subnets: {id: {...}}}`. `groups` are its security groups.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def entry_of(
    port: dict[str, Any],
    network: dict[str, Any],
    subnets: Iterable[dict[str, Any]],
    ours: bool,
    groups: dict[str, str],
    tag: str | None = None,
) -> dict[str, Any]:
    """An entry from what the network service says of a port, its network, its subnets and its groups."""
    known = {subnet['id']: subnet for subnet in subnets}
    return {
        'port_id': port['id'],
        'network_id': port['network_id'],
        'label': network.get('name') or '',
        'mac': port['mac_address'],
        'mtu': network.get('mtu') or 1500,
        'created_by_us': ours,
        'groups': groups,
        'tag': tag,
        'ips': [
            {
                'address': fixed['ip_address'],
                'version': 6 if ':' in fixed['ip_address'] else 4,
                'subnet_id': fixed['subnet_id'],
                'floating': [],
            }
            for fixed in port.get('fixed_ips', ())
        ],
        'subnets': {
            subnet_id: {
                name: subnet.get(name)
                for name in ('cidr', 'gateway_ip', 'dns_nameservers', 'host_routes', 'enable_dhcp', 'ipv6_address_mode')
            }
            for subnet_id, subnet in known.items()
            if any(fixed['subnet_id'] == subnet_id for fixed in port.get('fixed_ips', ()))
        },
    }


def group_names(server: Any) -> list[str]:
    """The security groups of a server's ports; as long as it has none, those that were asked for."""
    held = [entry['groups'] for entry in server.network_info if 'groups' in entry]
    if held:
        return sorted({name for groups in held for name in groups.values()})
    return list(server.requested.get('security_group_names', ())) if server.requested else ['default']


def addresses(info: list[dict[str, Any]], extended: bool = True) -> dict[str, list[dict[str, Any]]]:
    """The addresses of a server by network label, as the API shows them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in info:
        shown = found.setdefault(entry['label'], [])
        for ip in entry['ips']:
            shown.append(_address(ip['address'], ip['version'], entry['mac'], 'fixed', extended))
            shown.extend(_address(text, 4, entry['mac'], 'floating', extended) for text in ip['floating'])
    return found


def _address(text: str, version: int, mac: str, kind: str, extended: bool) -> dict[str, Any]:
    if not extended:
        return {'version': version, 'addr': text}
    return {'version': version, 'addr': text, 'OS-EXT-IPS:type': kind, 'OS-EXT-IPS-MAC:mac_addr': mac}


def with_floating(info: list[dict[str, Any]], floating: dict[str, list[str]]) -> list[dict[str, Any]]:
    """The same entries with these floating addresses (by fixed address of each port: `<port id>/<address>`)."""
    return [
        {**entry, 'ips': [{**ip, 'floating': floating.get(f'{entry["port_id"]}/{ip["address"]}', [])} for ip in entry['ips']]}
        for entry in info
    ]
