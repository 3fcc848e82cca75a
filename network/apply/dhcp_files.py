"""What dnsmasq reads for a network: configuration, hosts, options. Pure: `Dhcp` and subnets in, texts out."""

from __future__ import annotations

import dataclasses
import ipaddress
from pathlib import Path

from network.apply import names
from network.apply.interiors import METADATA_ADDRESS
from network.desired.model import Address, Dhcp, DhcpHost, Network, Subnet

LEASE_SECONDS = 86400


@dataclasses.dataclass(frozen=True, slots=True)
class DhcpOptions:
    """What the operator chose: `dns_servers` to forward queries to (none: only names of the network are answered)."""

    user: str = 'nobody'
    group: str = 'nogroup'
    lease_seconds: int = LEASE_SECONDS
    dns_servers: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class DhcpFiles:
    """The files' contents by name, and the (MAC, address) pairs that may hold a lease."""

    configuration: str
    hosts: str
    options: str
    names: str
    pairs: frozenset[tuple[str, str]]


def build(dhcp: Dhcp, network: Network, folder: Path, options: DhcpOptions) -> DhcpFiles:
    """The files of a network's DHCP server, which live in `folder`."""
    subnets = [s for s in network.subnets if s.enable_dhcp and _served(s)]
    return DhcpFiles(
        configuration=_configuration(dhcp, network, subnets, folder, options),
        hosts=''.join(line for host in dhcp.hosts for line in _host_lines(host, dhcp, subnets)),
        options=''.join(_subnet_options(s, dhcp) for s in subnets) + _network_options(network) + ''.join(map(_host_options, dhcp.hosts)),
        names=''.join(f'{a.ip} {_name(h, a, dhcp)}\n' for h in dhcp.hosts for a in h.addresses),
        pairs=frozenset((h.mac_address.lower(), a.ip) for h in dhcp.hosts for a in h.addresses if ':' not in a.ip),
    )


def _served(subnet: Subnet) -> bool:
    return subnet.version == 4 or subnet.ipv6_address_mode in ('dhcpv6-stateful', 'dhcpv6-stateless')


def tag(subnet: Subnet) -> str:
    """How the options of a subnet are told from those of another."""
    return f'subnet-{subnet.id}'


def _configuration(dhcp: Dhcp, network: Network, subnets: list[Subnet], folder: Path, options: DhcpOptions) -> str:
    lines = [
        'no-hosts',
        'no-resolv',
        'domain-needed',
        'bogus-priv',
        'bind-interfaces',
        'except-interface=lo',
        f'interface={names.dhcp_end(dhcp.port_id)}',
        'dhcp-authoritative',
        'quiet-dhcp',
        'quiet-dhcp6',
        f'user={options.user}',
        f'group={options.group}',
        f'pid-file={folder}/pid',
        f'dhcp-leasefile={folder}/leases',
        f'dhcp-hostsfile={folder}/hosts',
        f'dhcp-optsfile={folder}/options',
        f'addn-hosts={folder}/names',
        'dhcp-ignore=tag:!known',
        f'dhcp-lease-max={max(256, sum(_size(s) for s in subnets))}',
    ]
    if dhcp.domain:
        lines += [f'domain={dhcp.domain}', f'local=/{dhcp.domain}/']
    lines += [f'server={server}' for server in options.dns_servers]
    for subnet in subnets:
        net = ipaddress.ip_network(subnet.cidr)
        if subnet.version == 4:
            lines.append(f'dhcp-range=set:{tag(subnet)},{net.network_address},static,{net.netmask},{options.lease_seconds}s')
        else:
            lines.append(f'dhcp-range=set:{tag(subnet)},{net.network_address},static,{net.prefixlen},{options.lease_seconds}s')
    return ''.join(f'{line}\n' for line in lines)


def _size(subnet: Subnet) -> int:
    return min(ipaddress.ip_network(subnet.cidr).num_addresses, 65536)


def _name(host: DhcpHost, address: Address, dhcp: Dhcp) -> str:
    name = host.hostname or 'host-' + address.ip.replace('.', '-').replace(':', '-')
    return f'{name}.{dhcp.domain} {name}' if dhcp.domain else name


def _host_lines(host: DhcpHost, dhcp: Dhcp, subnets: list[Subnet]) -> list[str]:
    served = {subnet.id: subnet for subnet in subnets}
    mark = f',set:port-{host.port_id}' if host.options else ''
    lines = []
    for address in host.addresses:
        if address.subnet_id is not None and address.subnet_id not in served:
            continue
        shown = f'[{address.ip}]' if ':' in address.ip else address.ip
        lines.append(f'{host.mac_address.lower()}{mark},{_name(host, address, dhcp).split()[0]},{shown}\n')
    return lines


def _subnet_options(subnet: Subnet, dhcp: Dhcp) -> str:
    prefix = f'tag:{tag(subnet)},'
    if subnet.version == 6:
        servers = ','.join(f'[{ip}]' for ip in subnet.dns_nameservers)
        return f'{prefix}option6:dns-server,{servers}\n' if servers else ''
    lines = []
    if subnet.dns_nameservers:
        lines.append(f'{prefix}option:dns-server,{",".join(subnet.dns_nameservers)}')
    routes = [f'{destination},{hop}' for destination, hop in subnet.host_routes if ':' not in destination]
    server = next((a.ip for a in dhcp.addresses if a.subnet_id == subnet.id), None)
    if dhcp.metadata and subnet.id in dhcp.metadata_subnets and server:
        routes.append(f'{METADATA_ADDRESS}/32,{server}')
    if routes and subnet.gateway_ip:
        # A client that takes option 121 leaves the router option out, so the default route is said here too.
        routes.append(f'0.0.0.0/0,{subnet.gateway_ip}')
    if routes:
        lines.append(f'{prefix}option:classless-static-route,{",".join(routes)}')
        lines.append(f'{prefix}249,{",".join(routes)}')
    lines.append(f'{prefix}option:router,{subnet.gateway_ip}' if subnet.gateway_ip else f'{prefix}option:router')
    return ''.join(f'{line}\n' for line in lines)


def _network_options(network: Network) -> str:
    return f'option:mtu,{network.mtu}\n'


def _host_options(host: DhcpHost) -> str:
    lines = []
    for name, value, version in host.options:
        kind = name if name.isdigit() and version == 4 else f'option{"6" if version == 6 else ""}:{name}'
        lines.append(f'tag:port-{host.port_id},{kind},{value}\n')
    return ''.join(lines)
