"""A first server: booted, given a floating IP, and made to speak over ssh."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
from typing import Any

from common.clock import monotonic, sleep
from common.errors import DeadlineExceeded, PileusError
from pileus.furnish import IMAGE_NAME, PRIVATE, PUBLIC, Cloud, Say

NAME = 'first-light'
GROUP = 'first-light'
KEY = 'first-light'
USER = 'cirros'
BOOT_SECONDS, SSH_SECONDS = 300.0, 300.0


@dataclasses.dataclass(frozen=True)
class Light:
    """A server that answers: its id, the floating address, the key file, and what it said."""

    server: str
    address: str
    key: pathlib.Path
    output: str


def kindle(cloud: Cloud, directory: pathlib.Path, say: Say, *, flavor: str = 'm1.tiny', command: str = 'uname -a; uptime') -> Light:
    """Boot a server as the demo user, unless it is there, and run a command in it.

    :param directory: where the private key is kept, readable by its owner only
    :raises: PileusError when the server ends in ERROR (with its own words), DeadlineExceeded
    """
    key = ensure_key(cloud, directory)
    ensure_group(cloud)
    server = _ensure_server(cloud, flavor, say)
    _ensure_on(cloud, server['id'], say)
    server = wait_active(cloud, server['id'])
    address = ensure_floating_ip(cloud, server['id'])
    say(f'server {server["id"]} is ACTIVE, floating IP {address}')
    output = wait_ssh(address, key, command)
    return Light(server['id'], address, key, output)


def ensure_key(cloud: Cloud, directory: pathlib.Path) -> pathlib.Path:
    """The path of a private key whose public half the cloud knows."""
    path = directory / f'{KEY}.pem'
    compute = cloud.of('compute')
    known = {entry['keypair']['name'] for entry in compute.get('/os-keypairs').json()['keypairs']}
    if path.exists() and KEY in known:
        return path
    if KEY in known:
        compute.delete(f'/os-keypairs/{KEY}')
    private = compute.post('/os-keypairs', json={'keypair': {'name': KEY}}).json()['keypair']['private_key']
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, 'w') as file:
        file.write(private)
    return path


def ensure_group(cloud: Cloud) -> None:
    """A security group that lets ssh and ping in."""
    group = cloud.ensure('network', '/v2.0/security-groups', 'security_group', {'name': GROUP, 'description': 'ssh and ping from anywhere'})
    have = {(rule['protocol'], rule['port_range_min']) for rule in group['security_group_rules'] if rule['direction'] == 'ingress'}
    for protocol, port in (('tcp', 22), ('icmp', None)):
        if (protocol, port) not in have:
            rule: dict[str, Any] = {
                'security_group_id': group['id'], 'direction': 'ingress', 'ethertype': 'IPv4', 'protocol': protocol,
                'remote_ip_prefix': '0.0.0.0/0',
            }  # fmt: skip
            if port is not None:
                rule |= {'port_range_min': port, 'port_range_max': port}
            cloud.of('network').post('/v2.0/security-group-rules', json={'security_group_rule': rule})


def _ensure_server(cloud: Cloud, flavor: str, say: Say) -> dict[str, Any]:
    compute = cloud.of('compute')
    found = cloud.find('compute', '/servers/detail', 'servers', name=NAME)
    if found is not None and found['status'] != 'ERROR':
        return found
    flavors = {entry['name']: entry['id'] for entry in compute.get('/flavors').json()['flavors']}
    image = cloud.find('image', '/v2/images', 'images', name=IMAGE_NAME)
    network = cloud.find('network', '/v2.0/networks', 'networks', name=PRIVATE)
    if image is None or network is None or flavor not in flavors:
        raise PileusError(f'The cloud lacks the image {IMAGE_NAME}, the network {PRIVATE} or the flavor {flavor}.')
    body = {
        'name': NAME, 'imageRef': image['id'], 'flavorRef': flavors[flavor], 'key_name': KEY,
        'networks': [{'uuid': network['id']}], 'security_groups': [{'name': GROUP}],
    }  # fmt: skip
    say(f'booting {NAME} ({flavor}, {IMAGE_NAME})')
    return dict(compute.post('/servers', json={'server': body}).json()['server'])


def _ensure_on(cloud: Cloud, server_id: str, say: Say) -> None:
    """Start the server if it was shut down."""
    compute = cloud.of('compute')
    server = compute.get(f'/servers/{server_id}').json()['server']
    if server['status'] == 'SHUTOFF' and server['OS-EXT-STS:task_state'] is None:
        say(f'starting {NAME}, which was shut down')
        compute.post(f'/servers/{server_id}/action', json={'os-start': None})


def wait_active(cloud: Cloud, server_id: str, seconds: float = BOOT_SECONDS) -> dict[str, Any]:
    """The server once it is ACTIVE. Raises PileusError with the server's own fault, DeadlineExceeded."""
    compute = cloud.of('compute')
    end = monotonic() + seconds
    while True:
        server = compute.get(f'/servers/{server_id}').json()['server']
        if server['status'] == 'ACTIVE':
            return dict(server)
        if server['status'] == 'ERROR':
            raise PileusError(f'Server {server_id} failed: {server.get("fault", {}).get("message", "no reason given")}')
        if monotonic() > end:
            raise DeadlineExceeded(
                f'Server {server_id} is still {server["status"]} after {seconds:.0f} s; see: pileus timeline {server_id}'
            )
        sleep(0.2)


def ensure_floating_ip(cloud: Cloud, server_id: str) -> str:
    """A floating address of the server."""
    network = cloud.of('network')
    port = network.get(f'/v2.0/ports?device_id={server_id}').json()['ports'][0]
    held = network.get(f'/v2.0/floatingips?port_id={port["id"]}').json()['floatingips']
    if held:
        return str(held[0]['floating_ip_address'])
    public = cloud.find('network', '/v2.0/networks', 'networks', name=PUBLIC)
    if public is None:
        raise PileusError(f'The cloud has no network {PUBLIC}.')
    body = {'floating_network_id': public['id'], 'port_id': port['id']}
    return str(network.post('/v2.0/floatingips', json={'floatingip': body}).json()['floatingip']['floating_ip_address'])


def ssh_command(address: str, key: pathlib.Path, *words: str) -> list[str]:
    """The ssh call that reaches a guest whose host key nobody knows yet."""
    options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'ConnectTimeout=5', 'BatchMode=yes']
    return ['ssh', *(part for option in options for part in ('-o', option)), '-i', str(key), f'{USER}@{address}', *words]


def wait_ssh(address: str, key: pathlib.Path, command: str, seconds: float = SSH_SECONDS) -> str:
    """What a command prints in the guest, once ssh answers. Raises DeadlineExceeded with ssh's last words."""
    end = monotonic() + seconds
    while True:
        done = subprocess.run(ssh_command(address, key, command), capture_output=True, text=True, timeout=60, check=False)
        if done.returncode == 0:
            return done.stdout
        if monotonic() > end:
            raise DeadlineExceeded(f'{USER}@{address} does not answer over ssh after {seconds:.0f} s: {done.stderr.strip()[-200:]}')
        sleep(0.5)
