"""One pass over the host: everything that is wanted is made, everything of ours that is not wanted goes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from common import clock
from common.errors import PileusError
from network.apply import (
    advertiser,
    bridges,
    conntrack,
    dhcp_files,
    dnsmasq,
    interiors,
    links,
    metadata,
    names,
    namespaces,
    routers,
    sysctl,
    vlan,
    vxlan,
)
from network.apply.bridges import End, Surroundings
from network.apply.filtering import Filtering
from network.apply.firewall import HostGateway
from network.apply.host import Host
from network.apply.interiors import METADATA_ADDRESS, Device, Interior, Route
from network.apply.links import Action, Link
from network.apply.tables import Loader
from network.desired.model import Dhcp, HostNetwork, Network
from network.metadata_proxy import MetadataProxy


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What the operator chose for this host.

    `physical`: physical network -> device. `host_gateway`: the host holds the gateway addresses of external networks that
    no device leads to. `masquerade`: and hides them behind its own address towards the world.
    """

    physical: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tunnel_ip: str | None = None
    tunnel_port: int = 4789
    host_gateway: bool = True
    masquerade: bool = True
    dns_servers: tuple[str, ...] = ()
    lease_seconds: int = dhcp_files.LEASE_SECONDS

    @classmethod
    def of(cls, physical: list[str], **rest: object) -> Settings:
        """From options as they are in a file."""
        return cls(physical=vlan.parse_mapping(physical), **rest)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass did. `ports`: port id -> 'ACTIVE' or 'DOWN', for every port of the state on this host."""

    changes: list[str]
    problems: list[str]
    ports: dict[str, str]
    seconds: float


class Reconciler:
    """Applies states to a host. Not for use by two threads at once."""

    def __init__(self, host: Host, settings: Settings, proxy: MetadataProxy | None = None) -> None:
        self.host = host
        self.settings = settings
        self.proxy = proxy
        self._loader = Loader(host)
        self._pending = conntrack.Pending(host)
        self._filtering = Filtering(host, self._loader, self._pending)
        self._verified: dict[str, tuple[Interior, int]] = {}

    def apply(self, state: HostNetwork, *, full: bool = True) -> Outcome:
        """Make the host as `state` says. `full` False: namespaces that were right and still exist are not looked into."""
        started = clock.monotonic()
        self.host.take_changes()
        self.host.problems = []
        if full:
            self._verified.clear()
        networks = {network.id: network for network in state.networks}
        gateways = self._gateways(state)
        around = Surroundings(
            self.settings.physical, self.settings.tunnel_ip, self.settings.tunnel_port,
            {g: addresses for g, (addresses, _) in gateways.items()},
        )  # fmt: skip
        wanted = self._interiors(state, networks)
        present = links.read(self.host)
        ends = self._prepare(wanted, present)
        closed = self._filtering.apply(state, present, [HostGateway(g, masked) for g, (_, masked) in sorted(gateways.items())])
        devices = bridges.wanted(state, ends, present, around, self.host.problem)
        present = links.converge(self.host, lambda found: links.plan(devices, found), present)
        present = self._root_settings(state, gateways, present)
        vxlan.apply_flood(self.host, state.networks, self.settings.tunnel_ip)
        for interior in wanted.values():
            self._attempt(f'namespace {interior.namespace}', lambda interior=interior: self._inside(interior))
        self._serve(state, networks)
        self._remove_stale(wanted)
        ports = self._statuses(state, present, closed)
        return Outcome(self.host.take_changes(), list(self.host.problems), ports, clock.monotonic() - started)

    def _attempt(self, what: str, action: Callable[[], None]) -> None:
        """One thing that fails must not keep the others from being made; it is told and tried again in the next pass."""
        try:
            action()
        except (PileusError, OSError) as error:
            detail = getattr(error, 'admin_detail', None) or str(error)
            self.host.problem(f'{what}: {detail}')

    def _gateways(self, state: HostNetwork) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        """External networks whose gateway is the host: id -> (its addresses there, networks to masquerade)."""
        found = {}
        for network in state.networks:
            if not (network.external and self.settings.host_gateway) or self.settings.physical.get(network.physical_network or ''):
                continue
            subnets = [s for s in network.subnets if s.gateway_ip]
            addresses = tuple(f'{s.gateway_ip}/{s.cidr.partition("/")[2]}' for s in subnets)
            masked = tuple(s.cidr for s in subnets if s.version == 4) if self.settings.masquerade else ()
            found[network.id] = (addresses, masked)
        return found

    def _interiors(self, state: HostNetwork, networks: Mapping[str, Network]) -> dict[str, Interior]:
        found = [routers.interior(router, networks, self.host.problem) for router in state.routers]
        found += [
            _dhcp_interior(dhcp, networks[dhcp.network_id], bool(self.settings.dns_servers))
            for dhcp in state.dhcp
            if dhcp.network_id in networks
        ]
        return {interior.namespace: interior for interior in found}

    def _prepare(self, wanted: Mapping[str, Interior], present: Mapping[str, Link]) -> list[End]:
        """Make the namespaces and see which ends are not where they should be."""
        ends: list[End] = []
        for interior in wanted.values():
            self._attempt(f'namespace {interior.namespace}', lambda i=interior: ends.extend(self._ends(i, present)))
        return ends

    def _ends(self, interior: Interior, present: Mapping[str, Link]) -> list[End]:
        identity = namespaces.ensure(self.host, interior.namespace)
        if any(end.root not in present for end in interior.ends):
            self._verified.pop(interior.namespace, None)
        if self._verified.get(interior.namespace) == (interior, identity):
            return list(interior.ends)
        # Defaults for devices must be there before the devices are.
        sysctl.ensure(self.host, interior.settings, interior.namespace)
        lost = interiors.lost_ends(interior, links.read(self.host, interior.namespace))
        return [dataclasses.replace(end, lost=end.root in lost) for end in interior.ends]

    def _inside(self, interior: Interior) -> None:
        identity = namespaces.identity(self.host, interior.namespace)
        if identity is None or self._verified.get(interior.namespace) == (interior, identity):
            return
        problems = len(self.host.problems)
        interiors.apply(self.host, interior, self._loader, self._pending)
        if len(self.host.problems) == problems:
            self._verified[interior.namespace] = (interior, identity)

    def _root_settings(
        self, state: HostNetwork, gateways: Mapping[str, tuple[tuple[str, ...], object]], present: Mapping[str, Link]
    ) -> None:
        settings = {}
        for network in state.networks:
            bridge, gateway = names.bridge(network.id), gateways.get(network.id)
            # The host is nobody on a network: it has no address there and does not answer for those that it has elsewhere.
            settings[f'net/ipv6/conf/{bridge}/disable_ipv6'] = '0' if gateway and any(':' in address for address in gateway[0]) else '1'
            settings[f'net/ipv4/conf/{bridge}/arp_ignore'] = '1' if gateway else '8'
        sysctl.ensure(self.host, settings)
        bridge_addresses = {names.bridge(n.id): gateways.get(n.id, ((), ()))[0] for n in state.networks}

        def planned(found: Mapping[str, Link]) -> list[Action]:
            actions = [bridges.address_actions(name, found.get(name), want) for name, want in bridge_addresses.items() if name in found]
            return [action for action in actions if action]

        if gateways:
            sysctl.ensure_remembered(self.host, {'net/ipv4/ip_forward': '1'})
        return links.converge(self.host, planned, present)

    def _serve(self, state: HostNetwork, networks: Mapping[str, Network]) -> None:
        host = self.host
        options = dnsmasq.options_for(host, self.settings.dns_servers, self.settings.lease_seconds)
        wanted = set()
        for dhcp in state.dhcp:
            if dhcp.network_id in networks:
                wanted.add((dnsmasq.DHCP, dhcp.network_id))
                files = dhcp_files.build(dhcp, networks[dhcp.network_id], dnsmasq.folder(host, dhcp.network_id), options)
                self._attempt(f'DHCP server of network {dhcp.network_id}', lambda d=dhcp, f=files: dnsmasq.ensure_dhcp(host, d, f))
        for router in state.routers:
            content = advertiser.configuration(router, networks, dnsmasq.folder(host, router.id, dnsmasq.ADVERTISER), options)
            if content is not None:
                wanted.add((dnsmasq.ADVERTISER, router.id))
                server = dnsmasq.Server(dnsmasq.ADVERTISER, router.id, names.router_namespace(router.id))
                self._attempt(server.label, lambda s=server, c=content: dnsmasq.ensure(host, s, c, {}))
        for kind, owner in sorted(dnsmasq.present(host) - wanted):
            self._attempt(f'{dnsmasq.KINDS[kind]} {owner}', lambda k=kind, o=owner: dnsmasq.remove(host, k, o))
        if self.proxy is not None:
            metadata.ensure(host, self.proxy, places(state))

    def _remove_stale(self, wanted: Mapping[str, Interior]) -> None:
        for namespace in sorted(namespaces.present(self.host) - wanted.keys()):
            self._verified.pop(namespace, None)
            self._attempt(f'namespace {namespace}', lambda n=namespace: namespaces.delete(self.host, n))

    def _statuses(self, state: HostNetwork, present: Mapping[str, Link], closed: set[str]) -> dict[str, str]:
        def active(name: str, network_id: str) -> bool:
            link = present.get(name)
            return link is not None and link.up and link.master == names.bridge(network_id)

        found = {}
        for port in state.ports:
            found[port.id] = 'ACTIVE' if active(names.tap(port.id), port.network_id) and port.id not in closed else 'DOWN'
        in_namespaces = [(d.port_id, d.network_id) for d in state.dhcp]
        for router in state.routers:
            in_namespaces += [(p.port_id, p.network_id) for p in (*router.interfaces, *([router.gateway] if router.gateway else []))]
        for port_id, network_id in in_namespaces:
            found[port_id] = 'ACTIVE' if active(names.veth(port_id), network_id) else 'DOWN'
        return found


def _dhcp_interior(dhcp: Dhcp, network: Network, asks_outside: bool) -> Interior:
    namespace = names.dhcp_namespace(dhcp.network_id)
    inner = names.dhcp_end(dhcp.port_id)
    mac = dhcp.mac_address.lower()
    gateway = next((s.gateway_ip for s in network.subnets if s.version == 4 and s.gateway_ip), None)
    return Interior(
        namespace=namespace,
        ends=(End(names.veth(dhcp.port_id), inner, namespace, dhcp.network_id, mac),),
        devices=(Device(inner, mac, network.mtu, tuple(f'{a.ip}/{a.prefix}' for a in dhcp.addresses)),),
        routes=(Route('default', gateway, inner),) if asks_outside and gateway else (),
        loopback=(f'{METADATA_ADDRESS}/32',) if dhcp.metadata else (),
        settings={'net/ipv4/ip_forward': '0', 'net/ipv6/conf/default/accept_ra': '0', 'net/ipv6/conf/default/accept_dad': '0'},
        checksum_in_software=True,
    )


def places(state: HostNetwork) -> dict[tuple[str, str], str]:
    """Where metadata is served: ('router', id) or ('network', id) -> namespace."""
    found = {('router', router.id): names.router_namespace(router.id) for router in state.routers if router.admin_state_up}
    found.update({('network', d.network_id): names.dhcp_namespace(d.network_id) for d in state.dhcp if d.metadata})
    return found
