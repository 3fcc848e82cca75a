"""Router advertisements: what the router of an IPv6 network tells its guests about prefix and addressing. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path

from network.apply import names
from network.apply.dhcp_files import DhcpOptions
from network.desired.model import Network, Router, Subnet

# The mode of a subnet -> how dnsmasq names it. In the latter two the addresses come from the network's DHCP server.
MODES = {'slaac': 'ra-only', 'dhcpv6-stateless': 'ra-stateless', 'dhcpv6-stateful': 'static'}


def configuration(router: Router, networks: Mapping[str, Network], folder: Path, options: DhcpOptions) -> str | None:
    """The advertiser's configuration; None where the router has nothing to advertise."""
    interfaces, ranges = [], []
    for port in router.interfaces:
        network = networks.get(port.network_id)
        mine = {address.subnet_id for address in port.addresses}
        subnets = [s for s in (network.subnets if network else ()) if s.id in mine and s.version == 6 and s.ipv6_ra_mode in MODES]
        if network and subnets:
            interfaces.append(f'interface={names.router_end(port.port_id)}')
            interfaces.append(f'ra-param={names.router_end(port.port_id)},mtu:{network.mtu},high,60')
            ranges += [line for subnet in subnets for line in _lines(subnet)]
    if not interfaces or not router.admin_state_up:
        return None
    head = [
        'port=0', 'no-hosts', 'no-resolv', 'bind-interfaces', 'except-interface=lo', 'enable-ra', 'quiet-ra', 'quiet-dhcp6', 'leasefile-ro',
        'dhcp-ignore=tag:!known', f'user={options.user}', f'group={options.group}', f'pid-file={folder}/pid',
    ]  # fmt: skip
    return ''.join(f'{line}\n' for line in (*head, *interfaces, *ranges))


def _lines(subnet: Subnet) -> list[str]:
    net = ipaddress.ip_network(subnet.cidr)
    mark = f'subnet-{subnet.id}'
    lines = [f'dhcp-range=set:{mark},{net.network_address},{MODES[subnet.ipv6_ra_mode or ""]},{net.prefixlen}']
    if subnet.dns_nameservers:
        lines.append(f'dhcp-option=tag:{mark},option6:dns-server,' + ','.join(f'[{ip}]' for ip in subnet.dns_nameservers))
    return lines
