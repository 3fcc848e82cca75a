"""Options of the network service and of its agent."""

from __future__ import annotations

from common.config import group, option


@group('network')
class NetworkOptions:
    """What an operator may set under `[network]`."""

    driver: str = option('agent', choices=('agent', 'simulated'), help='Who makes networks real: the agents of the hosts, or nobody')
    network_types: list[str] = option(
        ['vxlan', 'vlan', 'flat', 'local'], help='Kinds of networks; the first of them that has room is for networks whose kind nobody says'
    )
    vxlan_ranges: list[str] = option(['1:1000000'], help='VXLAN identifiers to give out, as FIRST:LAST')
    vlan_ranges: list[str] = option(
        [], help='Physical networks with VLANs to give out, as NAME:FIRST:LAST, or NAME for administrators only'
    )
    flat_networks: list[str] = option(['*'], help='Physical networks that flat networks may be on; *: any')
    mtu: int = option(1500, min=576, help='Largest packet of the physical networks; VXLAN networks get 50 bytes less (70 over IPv6)')
    tunnel_version: int = option(4, min=4, max=6, help='IP version of the addresses that tunnels run between')
    dns_domain: str = option('pileus.internal', help='Domain of the names that DHCP gives to guests; empty: none')
    mac_prefix: str = option('fa:16:3e', help='First three octets of the MAC addresses given to ports')
    max_dns_nameservers: int = option(5, min=0, help='Name servers of a subnet')
    max_host_routes: int = option(20, min=0, help='Host routes of a subnet')
    max_routes: int = option(30, min=0, help='Extra routes of a router')
    max_fixed_ips: int = option(10, min=1, help='Addresses of a port')
    max_address_pairs: int = option(10, min=0, help='Allowed address pairs of a port')
    agent_down_after: int = option(75, min=3, help='Seconds of silence after which an agent counts as down')
    placement_interval: float = option(10.0, help='Seconds between looks for routers and DHCP servers whose host is down')
    resync_after: float = option(300.0, help='Seconds after which a host gets its desired state again, changed or not')
    availability_zone: str = option('nova', help='Availability zone that the service itself offers')
    quota_network: int = option(100, min=-1, help='Networks of a project; -1: without limit')
    quota_subnet: int = option(100, min=-1, help='Subnets of a project')
    quota_subnetpool: int = option(-1, min=-1, help='Subnet pools of a project')
    quota_port: int = option(500, min=-1, help='Ports of a project')
    quota_router: int = option(10, min=-1, help='Routers of a project')
    quota_floatingip: int = option(50, min=-1, help='Floating IPs of a project')
    quota_security_group: int = option(10, min=-1, help='Security groups of a project')
    quota_security_group_rule: int = option(100, min=-1, help='Security group rules of a project')


@group('agent')
class AgentOptions:
    """What an operator may set under `[agent]`, for the network agent of a host."""

    availability_zone: str = option('nova', help='Availability zone of the host')
    tunnel_ip: str = option('', help='Address of this host for tunnels to others; empty: networks work within the host only')
    tunnel_port: int = option(4789, min=1, max=65535, help='UDP port of VXLAN')
    physical_networks: list[str] = option([], help='Devices that lead to physical networks, as NAME:DEVICE')
    serves_networks: bool = option(True, help='Whether routers and DHCP servers may be placed on this host')
    external_gateway: bool = option(
        True, help='Let this host be the gateway of external networks that no device leads to, so that floating IPs can be reached from it'
    )
    masquerade: bool = option(True, help='Let guests of those networks reach the world under the address of this host')
    dns_servers: list[str] = option(
        [], help='Name servers that DHCP servers ask for names they do not know; empty: none, guests use those of their subnet'
    )
    lease_seconds: int = option(86400, min=120, help='How long DHCP leases last')
    interval: float = option(30.0, help='Seconds between looks at the host and reports when nothing happens')
    metadata_workers: int = option(8, min=1, help='Requests for metadata that are passed on at the same time')
