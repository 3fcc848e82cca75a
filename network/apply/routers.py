"""Routers as namespaces: interfaces, source NAT, floating IPs, routes, metadata. Pure: router -> `Interior`."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

from network.apply import names
from network.apply.bridges import End
from network.apply.interiors import METADATA_ADDRESS, Device, Interior, Route
from network.apply.tables import Ruleset, Table
from network.desired.model import Network, Router, RouterPort

FROM_OUTSIDE = '0x1'


def interior(router: Router, networks: Mapping[str, Network], problem: Callable[[str], None]) -> Interior:
    """What the router's namespace should hold."""
    inner = [port for port in router.interfaces if port.network_id in networks]
    gateway = router.gateway if router.gateway and router.gateway.network_id in networks else None
    ends = [_end(router, port, names.router_end(port.port_id)) for port in inner]
    devices = [_inner_device(port, networks[port.network_id]) for port in inner]
    if gateway:
        ends.append(_end(router, gateway, names.gateway_end(gateway.port_id)))
        devices.append(_gateway_device(router, gateway, networks[gateway.network_id]))
    if not router.admin_state_up:
        devices = []
        ends = []
        gateway = None
    return Interior(
        namespace=names.router_namespace(router.id),
        ends=tuple(ends),
        devices=tuple(devices),
        routes=tuple(_routes(router, gateway, networks, devices, problem)),
        loopback=(f'{METADATA_ADDRESS}/32',),
        settings=_settings(gateway),
        rules={'iptables': _rules(router, gateway)},
    )


def _end(router: Router, port: RouterPort, inner: str) -> End:
    return End(names.veth(port.port_id), inner, names.router_namespace(router.id), port.network_id, port.mac_address.lower())


def _inner_device(port: RouterPort, network: Network) -> Device:
    addresses = tuple(f'{a.ip}/{a.prefix}' for a in port.addresses)
    return Device(names.router_end(port.port_id), port.mac_address.lower(), network.mtu, addresses, tuple(a.ip for a in port.addresses))


def _gateway_device(router: Router, port: RouterPort, network: Network) -> Device:
    addresses = [f'{a.ip}/{a.prefix}' for a in port.addresses]
    floating = [f.floating_ip for f in router.floating_ips]
    addresses += [f'{ip}/{128 if ":" in ip else 32}' for ip in floating]
    announced = (*(a.ip for a in port.addresses), *floating)
    return Device(names.gateway_end(port.port_id), port.mac_address.lower(), network.mtu, tuple(addresses), announced)


def _settings(gateway: RouterPort | None) -> dict[str, str]:
    settings = {
        'net/ipv4/ip_forward': '1',
        'net/ipv4/conf/all/rp_filter': '0',
        'net/ipv4/conf/default/rp_filter': '0',
        'net/ipv4/conf/all/send_redirects': '0',
        'net/ipv4/conf/default/send_redirects': '0',
        'net/ipv6/conf/all/forwarding': '1',
        'net/ipv6/conf/default/accept_dad': '0',
    }
    if gateway:
        # The metadata address on the loopback must not be answered for on the external network.
        settings[f'net/ipv4/conf/{names.gateway_end(gateway.port_id)}/arp_ignore'] = '1'
        settings[f'net/ipv4/conf/{names.gateway_end(gateway.port_id)}/arp_announce'] = '2'
    return settings


def _routes(
    router: Router, gateway: RouterPort | None, networks: Mapping[str, Network], devices: list[Device], problem: Callable[[str], None]
) -> list[Route]:
    found: dict[tuple[str, int], Route] = {}
    if gateway:
        end = names.gateway_end(gateway.port_id)
        mine = {a.subnet_id for a in gateway.addresses}
        for subnet in networks[gateway.network_id].subnets:
            if subnet.gateway_ip and (subnet.id in mine or None in mine):
                found['default', subnet.version] = Route('default', subnet.gateway_ip, end, subnet.version)
    for destination, next_hop in router.routes:
        device = _behind(next_hop, devices)
        version = ipaddress.ip_network(destination, strict=False).version
        if device is None:
            if router.admin_state_up:
                problem(f'router {router.id} has a route to {destination} by {next_hop}, which is on none of its networks')
            continue
        found[destination, version] = Route(destination, next_hop, device, version)
    return list(found.values())


def _behind(next_hop: str, devices: list[Device]) -> str | None:
    address = ipaddress.ip_address(next_hop)
    for device in devices:
        for own in device.addresses:
            network = ipaddress.ip_interface(own).network
            if network.prefixlen < network.max_prefixlen and address in network:
                return device.name
    return None


def _rules(router: Router, gateway: RouterPort | None) -> Ruleset:
    filters, nat, mangle = Table(), Table(), Table()
    if gateway is None:
        return {'filter': filters, 'nat': nat, 'mangle': mangle}
    outside = names.gateway_end(gateway.port_id)
    own = next((a.ip for a in gateway.addresses if ':' not in a.ip), None)
    filters.chain('pl-in', jump_from='INPUT').append(f'-d {METADATA_ADDRESS}/32 -i {outside} -j DROP')
    mangle.chain('pl-mark', jump_from='PREROUTING').append(f'-i {outside} -j MARK --set-xmark {FROM_OUTSIDE}/0xffffffff')
    floating = sorted((f for f in router.floating_ips if ':' not in f.floating_ip), key=lambda f: f.floating_ip)
    dnat = nat.chain('pl-dnat', jump_from='PREROUTING')
    nat.jumps['OUTPUT'] = 'pl-dnat'
    dnat += [f'-d {f.floating_ip}/32 -j DNAT --to-destination {f.fixed_ip}' for f in floating]
    snat = nat.chain('pl-snat', jump_from='POSTROUTING')
    snat += [f'-s {f.fixed_ip}/32 -o {outside} -j SNAT --to-source {f.floating_ip}' for f in floating]
    if own and router.enable_snat:
        snat.append(f'-o {outside} -j SNAT --to-source {own}')
    # A guest that uses the floating address of its neighbour: the answer must come back through here.
    hairpin = f'-m mark ! --mark {FROM_OUTSIDE} -m conntrack --ctstate DNAT -j SNAT --to-source'
    snat += [f'-s {f.fixed_ip}/32 {hairpin} {f.floating_ip}' for f in floating]
    if own:
        snat.append(f'{hairpin} {own}')
    return {'filter': filters, 'nat': nat, 'mangle': mangle}
