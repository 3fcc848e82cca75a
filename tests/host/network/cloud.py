"""A small cloud as desired state: two private networks, a router, an external network with floating addresses."""

from __future__ import annotations

import dataclasses
from typing import Any

from network.desired.model import Address, Dhcp, DhcpHost, FloatingIp, Guest, HostNetwork, Network, Port, Router, RouterPort, Rule, Subnet
from tests.host.network.lab import mac, new_id

EGRESS = (Rule('egress'), Rule('egress', version=6))
PING = Rule('ingress', protocol='icmp')
SSH = Rule('ingress', protocol='tcp', port_min=22, port_max=22)
OPEN = (*EGRESS, PING, SSH)


class Cloud:
    """Grows by its methods; `state()` is what a host that runs everything should look like."""

    def __init__(self) -> None:
        self.revision = 0
        self.networks: dict[str, Network] = {}
        self.dhcp: dict[str, Dhcp] = {}
        self.ports: dict[str, Port] = {}
        self.routers: dict[str, Router] = {}
        self.address_sets: tuple[Any, ...] = ()

    def network(self, number: int, *, dhcp: bool = True, metadata: bool = False, gateway: bool = True, **more: Any) -> str:
        """A network 10.0.<number>.0/24 with a DHCP server at .2; its id."""
        network_id, subnet_id = new_id(), new_id()
        subnet = Subnet(
            subnet_id, f'10.0.{number}.0/24', gateway_ip=f'10.0.{number}.1' if gateway else None, dns_nameservers=('192.0.2.53',)
        )
        values = {'kind': 'vxlan', 'mtu': 1450, 'segmentation_id': 100 + number, **more}
        self.networks[network_id] = Network(network_id, subnets=(subnet,), **values)
        if dhcp:
            address = Address(f'10.0.{number}.2', 24, subnet_id)
            subnets = (subnet_id,) if metadata else ()
            self.dhcp[network_id] = Dhcp(
                network_id, new_id(), mac(), (address,), domain='pileus.test', metadata=metadata, metadata_subnets=subnets
            )
        return network_id

    def external(self, cidr: str = '172.24.4') -> str:
        """An external network whose gateway is the host."""
        network_id = new_id()
        subnet = Subnet(new_id(), f'{cidr}.0/24', gateway_ip=f'{cidr}.1', enable_dhcp=False)
        self.networks[network_id] = Network(network_id, 'flat', physical_network='public', external=True, subnets=(subnet,))
        return network_id

    def port(self, network_id: str, last: int, rules: tuple[Rule, ...] = OPEN, **more: Any) -> Port:
        """A guest's port at .<last>."""
        subnet = self.networks[network_id].subnets[0]
        address = Address(subnet.cidr.rpartition('.')[0] + f'.{last}', 24, subnet.id)
        port = Port(new_id(), network_id, mac(), (address,), **{'device_id': new_id(), 'project_id': 'p1', 'rules': rules, **more})
        self.ports[port.id] = port
        return port

    def router(self, *network_ids: str, external: str | None = None) -> str:
        """A router at .1 of these networks, and at .10 of the external one; its id."""
        router_id = new_id()
        interfaces = []
        for network_id in network_ids:
            subnet = self.networks[network_id].subnets[0]
            interfaces.append(RouterPort(new_id(), network_id, mac(), (Address(subnet.gateway_ip or '', 24, subnet.id),)))
        gateway = None
        if external:
            subnet = self.networks[external].subnets[0]
            gateway = RouterPort(new_id(), external, mac(), (Address(subnet.cidr.rpartition('.')[0] + '.10', 24, subnet.id),))
        self.routers[router_id] = Router(router_id, interfaces=tuple(interfaces), gateway=gateway)
        return router_id

    def floating(self, router_id: str, address: str, port: Port) -> None:
        """A floating address that leads to a port (and to no other)."""
        router = self.routers[router_id]
        kept = tuple(f for f in router.floating_ips if f.floating_ip != address)
        self.change_router(router_id, floating_ips=(*kept, FloatingIp(address, address, port.addresses[0].ip)))

    def change_router(self, router_id: str, **values: Any) -> None:
        """Change a router."""
        self.routers[router_id] = dataclasses.replace(self.routers[router_id], **values)

    def change_port(self, port: Port, **values: Any) -> Port:
        """Change a port."""
        self.ports[port.id] = dataclasses.replace(port, **values)
        return self.ports[port.id]

    def change_network(self, network_id: str, **values: Any) -> None:
        """Change a network."""
        self.networks[network_id] = dataclasses.replace(self.networks[network_id], **values)

    def state(self, host: str = 'h1', ports: list[Port] | None = None) -> HostNetwork:
        """The desired state now; `ports`: those of this host (default: all)."""
        self.revision += 1
        guests = {
            n: tuple(Guest(a.ip, p.device_id, p.project_id) for p in self.ports.values() if p.network_id == n for a in p.addresses)
            for n in self.networks
        }
        hosts = {
            n: tuple(DhcpHost(p.id, p.mac_address, p.addresses) for p in self.ports.values() if p.network_id == n) for n in self.networks
        }
        return HostNetwork(
            host,
            self.revision,
            networks=tuple(dataclasses.replace(n, guests=guests[n.id]) for n in self.networks.values()),
            ports=tuple(self.ports.values() if ports is None else ports),
            dhcp=tuple(dataclasses.replace(d, hosts=hosts[d.network_id]) for d in self.dhcp.values()),
            routers=tuple(self.routers.values()),
            address_sets=self.address_sets,
        )
