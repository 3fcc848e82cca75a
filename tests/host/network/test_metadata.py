"""Guests, the proxy in their router's namespace, and the real metadata API behind it."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from typing import Any

import pytest

from common import metadata_signature as signature
from common.errors import NotFound
from common.service.wsgi import HttpServer
from metadata.app import MetadataService
from metadata.lookup import Lookup
from network.apply.reconcile import Settings
from network.metadata_forward import Forwarder, Owners
from network.metadata_proxy import MetadataProxy
from tests.host.network.cloud import Cloud
from tests.host.network.lab import SOON, LabHost

KEY = b'k' * 32
PORT = 8775
ASK_AT_ONCE = """
import http.client, json, sys, threading, time
start = threading.Barrier(len(sys.argv) - 1)
found = {}
def ask(address):
    start.wait()
    began = time.monotonic()
    try:
        c = http.client.HTTPConnection('169.254.169.254', 80, timeout=60, source_address=(address, 0))
        c.request('GET', '/openstack/latest/meta_data.json')
        name = json.loads(c.getresponse().read())['name']
        c.request('GET', '/latest/meta-data/instance-id')
        c.getresponse().read()
    except Exception as error: name = repr(error)
    found[address] = name, time.monotonic() - began
threads = [threading.Thread(target=ask, args=(a,)) for a in sys.argv[1:]]
for t in threads: t.start()
for t in threads: t.join()
print(json.dumps(found))
"""


class Behind:
    """The metadata API on the host, and the agent in front of it."""

    def __init__(self, lab: LabHost) -> None:
        self.lab = lab
        self.known: dict[str, Any] = {}
        self.forwarder = Forwarder(f'http://127.0.0.1:{PORT}', KEY)
        self.api = self._listening()
        lab.use(Settings(), MetadataProxy(self.forwarder))

    def _listening(self) -> HttpServer:
        server = HttpServer(MetadataService(Lookup(self._describe, 15.0), KEY), '127.0.0.1', PORT, threads=10)
        self.lab.run(server.start)
        return server

    def _describe(self, server_id: str) -> Any:
        if server_id not in self.known:
            raise NotFound('server', server_id)
        return self.known[server_id]

    def apply(self, cloud: Cloud) -> None:
        state = cloud.state()
        self.forwarder.owners = Owners(state)
        for port in cloud.ports.values():
            name = f'vm-{port.addresses[0].ip}'
            self.known[port.device_id] = {'uuid': port.device_id, 'name': name, 'hostname': name, 'project_id': port.project_id}
        self.lab.apply(state)


@pytest.fixture
def behind(lab: LabHost) -> Iterator[Behind]:
    made = Behind(lab)
    yield made
    made.api.stop()


def test_each_guest_learns_about_itself(behind: Behind) -> None:
    cloud = Cloud()
    one, two = cloud.network(1), cloud.network(2)
    ports = [cloud.port(one, 11), cloud.port(two, 11)]
    cloud.router(one, two)
    guests = [behind.lab.guest(port) for port in ports]
    behind.apply(cloud)
    for guest, port in zip(guests, ports, strict=True):
        guest.dhcp()
        body = json.loads(guest.fetch('http://169.254.169.254/openstack/latest/meta_data.json') or '{}')
        assert (body['uuid'], body['name']) == (port.device_id, f'vm-{port.addresses[0].ip}')
        assert (guest.fetch('http://169.254.169.254/') or '').startswith('1.0\n')


def test_guest_cannot_pass_for_another_nor_see_the_inside_of_the_api(behind: Behind) -> None:
    cloud = Cloud()
    network = cloud.network(1)
    port, other = cloud.port(network, 11), cloud.port(network, 12)
    stranger = cloud.port(network, 13, device_id='', port_security=False)
    cloud.router(network)
    guests = [behind.lab.guest(p) for p in (port, stranger)]
    behind.apply(cloud)
    for guest in guests:
        guest.dhcp()
    curl = (
        'import sys, urllib.request; o = urllib.request.build_opener(urllib.request.ProxyHandler({}));'
        "r = urllib.request.Request('http://169.254.169.254/openstack/latest/meta_data.json', headers={"
        f"'{signature.INSTANCE_HEADER}': '{other.device_id}', '{signature.PROJECT_HEADER}': 'p1',"
        f"'{signature.SIGNATURE_HEADER}': '{signature.sign(KEY, other.device_id)}', '{signature.ADDRESS_HEADER}': '10.0.1.12'}});"
        'print(o.open(r, timeout=60).read().decode())'
    )
    shown = behind.lab.popen(['python3', '-c', curl], guests[0].namespace).communicate()[0]
    assert json.loads(shown)['uuid'] == port.device_id
    assert guests[0].fetch('http://169.254.169.254/metrics', SOON) is None
    assert guests[0].fetch('http://169.254.169.254/healthcheck', SOON) is None
    assert guests[1].fetch('http://169.254.169.254/latest/meta-data/', SOON) is None


def test_api_that_was_away_answers_again(behind: Behind) -> None:
    cloud = Cloud()
    network = cloud.network(1)
    guest = behind.lab.guest(cloud.port(network, 11))
    cloud.router(network)
    behind.apply(cloud)
    guest.dhcp()
    url = 'http://169.254.169.254/latest/meta-data/instance-id'
    assert guest.fetch(url)
    behind.api.stop()
    assert guest.fetch(url, SOON) is None
    behind.api = behind._listening()
    assert guest.fetch(url)


def test_hundred_guests_at_once(behind: Behind, capsys: pytest.CaptureFixture[str]) -> None:
    cloud = Cloud()
    network = cloud.network(1)
    ports = [cloud.port(network, last, port_security=False) for last in range(100, 200)]
    cloud.router(network)
    # One namespace with all the addresses stands for the hundred guests.
    crowd = behind.lab.guest(ports[0])
    behind.apply(cloud)
    addresses = [p.addresses[0].ip for p in ports]
    for address in addresses:
        crowd.sh(f'ip addr add {address}/24 dev eth0')
    crowd.sh('ip route add default via 10.0.1.1')
    assert crowd.ping('10.0.1.1')
    program = behind.lab.popen(['python3', '-c', ASK_AT_ONCE, *addresses], crowd.namespace)
    found = json.loads(program.communicate()[0].splitlines()[-1])
    assert {address: name for address, (name, _) in found.items()} == {address: f'vm-{address}' for address in addresses}
    times = sorted(seconds for _, seconds in found.values())
    with capsys.disabled():
        print(f'\n100 guests at once, two requests each: median {statistics.median(times):.3f} s, p99 {times[98]:.3f} s')
