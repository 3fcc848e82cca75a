"""The rows of the table, each as the original was measured."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator

from tests.bench import measure
from tests.bench.client import Client
from tests.bench.measure import Result

_IMAGE_BYTES = 64 << 20


class Bench:
    """One cloud under measurement, as its administrator.

    :param pids: the processes of the cloud, whose CPU time is counted with that of their children
    :param scale: 1.0 for the full counts
    """

    def __init__(self, client: Client, pids: list[int], scale: float = 1.0) -> None:
        self.client, self.pids, self.scale = client, pids, scale

    def rate(self, name: str, operation: Callable[[int], object], count: int) -> Iterator[Result]:
        """The same operation from one and from eight clients."""
        operation(-1)
        for clients in (1, 8):
            scaled = max(clients * 2, int(count * self.scale))
            yield measure.run(name, operation, clients=clients, count=scaled, pids=self.pids)

    def tokens(self) -> Iterator[Result]:
        """Issue, and validation by API."""
        yield from self.rate('token issue', lambda n: self.client.authenticate(), 40)
        url = f'{self.client.auth_url}/auth/tokens'
        subject = {'X-Subject-Token': self.client.token}
        yield from self.rate('token validation by API', lambda n: self.client.raw('GET', url, headers=subject), 400)
        yield from self._verification(url)

    def _verification(self, url: str) -> Iterator[Result]:
        """A service that sees a token for the first time, and one that knows it: neither asks identity."""
        body = {
            'auth': {
                'identity': {'methods': ['token'], 'token': {'id': self.client.token}},
                'scope': {'project': {'id': self.client.project_id}},
            }
        }
        count = int(400 * self.scale) + 32
        tokens = iter([self.client.raw('POST', url, body, token=None)[1]['x-subject-token'] for _ in range(2 * count)])
        schemas = f'{self.client.catalog["image"]}/v2/schemas/image'
        yield from self.rate('request with a token seen for the first time', lambda n: self._fits(schemas, next(tokens)), 400)
        yield from self.rate('request with a token that is known', lambda n: self._fits(schemas, self.client.token), 400)

    def _fits(self, url: str, token: str) -> None:
        status, _, data = self.client.raw('GET', url, token=token)
        if status != 200:
            raise RuntimeError(f'GET {url}: {status} {data[:200]!r}')

    def flavors(self) -> Iterator[Result]:
        """The list of flavors."""
        yield from self.rate('flavor list', lambda n: self.client.ask('GET', 'compute', '/flavors/detail'), 400)

    def security_group_rules(self) -> Iterator[Result]:
        """Rules of one group."""
        ask = self.client.ask
        ask(
            'PUT',
            'network',
            f'/v2.0/quotas/{self.client.project_id}',
            {'quota': {'security_group_rule': -1, 'port': -1, 'network': -1, 'subnet': -1}},
        )
        group = ask('POST', 'network', '/v2.0/security-groups', {'security_group': {'name': 'bench'}})['security_group']['id']
        ports = iter(range(1, 60000))

        def create(number: int) -> None:
            port = next(ports)
            rule = {'security_group_id': group, 'direction': 'ingress', 'protocol': 'tcp', 'port_range_min': port, 'port_range_max': port}
            ask('POST', 'network', '/v2.0/security-group-rules', {'security_group_rule': rule})

        yield from self.rate('security group rule create', create, 100)
        ask('DELETE', 'network', f'/v2.0/security-groups/{group}')

    def networks(self) -> Iterator[Result]:
        """Network, subnet and port together."""
        ask = self.client.ask
        made: list[str] = []

        def create(number: int) -> None:
            network = ask('POST', 'network', '/v2.0/networks', {'network': {'name': 'bench'}})['network']['id']
            subnet = {'network_id': network, 'ip_version': 4, 'cidr': '10.77.0.0/24'}
            ask('POST', 'network', '/v2.0/subnets', {'subnet': subnet})
            ask('POST', 'network', '/v2.0/ports', {'port': {'network_id': network}})
            made.append(network)

        yield from self.rate('network + subnet + port create', create, 50)
        for network in made:
            for port in ask('GET', 'network', f'/v2.0/ports?network_id={network}')['ports']:
                if not port['device_owner'].startswith('network:'):
                    ask('DELETE', 'network', f'/v2.0/ports/{port["id"]}')
            ask('DELETE', 'network', f'/v2.0/networks/{network}')

    def port_list(self) -> Iterator[Result]:
        """A list of 500 ports."""
        ask = self.client.ask
        network = ask('POST', 'network', '/v2.0/networks', {'network': {'name': 'bench-ports'}})['network']['id']
        ask('POST', 'network', '/v2.0/subnets', {'subnet': {'network_id': network, 'ip_version': 4, 'cidr': '10.78.0.0/16'}})
        ports = [{'network_id': network, 'name': f'p{n}'} for n in range(500)]
        ids: list[str] = []
        for first in range(0, 500, 100):
            ids += [port['id'] for port in ask('POST', 'network', '/v2.0/ports', {'ports': ports[first : first + 100]})['ports']]
        yield from self.rate('list of 500 ports', lambda n: ask('GET', 'network', f'/v2.0/ports?network_id={network}'), 30)
        for port in ids:
            ask('DELETE', 'network', f'/v2.0/ports/{port}')
        ask('DELETE', 'network', f'/v2.0/networks/{network}')

    def volumes(self) -> Iterator[Result]:
        """Volume create until available."""
        ask = self.client.ask
        made: list[str] = []
        service = next(name for name in ('volumev3', 'block-storage', 'volume') if name in self.client.catalog)
        ask('PUT', service, f'/os-quota-sets/{self.client.project_id}', {'quota_set': {'volumes': -1, 'gigabytes': -1}})

        def create(number: int) -> None:
            volume = ask('POST', service, '/volumes', {'volume': {'size': 1}})['volume']['id']
            made.append(volume)
            self.client.wait(service, f'/volumes/{volume}', 'volume', 'available')

        yield from self.rate('volume create -> available', create, 50)
        for volume in made:
            ask('DELETE', service, f'/volumes/{volume}')

    def images(self) -> Iterator[Result]:
        """Upload and download of 64 MiB; the CPU column is for one of them."""
        ask = self.client.ask
        data = os.urandom(1 << 20) * (_IMAGE_BYTES >> 20)
        made: list[str] = []

        def upload(number: int) -> None:
            body = {'name': 'bench', 'disk_format': 'raw', 'container_format': 'bare'}
            image = ask('POST', 'image', '/v2/images', body)['id']
            made.append(image)
            ask('PUT', 'image', f'/v2/images/{image}/file', data, headers={'Content-Type': 'application/octet-stream'})

        yield from self.rate('image create + upload of 64 MiB', upload, 8)
        yield from self.rate('image download of 64 MiB', lambda n: ask('GET', 'image', f'/v2/images/{made[0]}/file'), 16)
        for image in made:
            ask('DELETE', 'image', f'/v2/images/{image}')

    def server_lists(self, label: int) -> Iterator[Result]:
        """The detailed list at whatever number of servers there is."""
        yield from self.rate(
            f'servers/detail with {label} servers', lambda n: self.client.ask('GET', 'compute', '/servers/detail'), 20 if label else 200
        )

    def _boot(self, image: str, network: str) -> str:
        body = {'name': f'bench-{uuid.uuid4().hex[:8]}', 'imageRef': image, 'flavorRef': '42', 'networks': [{'uuid': network}]}
        return str(self.client.ask('POST', 'compute', '/servers', {'server': body})['server']['id'])

    def servers(self, largest: int) -> Iterator[Result]:
        """Boot one by one, a hundred at once, lists, and deletion. Needs simulated hosts."""
        ask = self.client.ask
        ask('PUT', 'compute', f'/os-quota-sets/{self.client.project_id}', {'quota_set': {'instances': -1, 'cores': -1, 'ram': -1}})
        ask('PUT', 'network', f'/v2.0/quotas/{self.client.project_id}', {'quota': {'port': -1}})
        image = ask('GET', 'image', '/v2/images?name=cirros-pileus')['images'][0]['id']
        network = ask('POST', 'network', '/v2.0/networks', {'network': {'name': 'bench-servers'}})['network']['id']
        ask('POST', 'network', '/v2.0/subnets', {'subnet': {'network_id': network, 'ip_version': 4, 'cidr': '10.79.0.0/16'}})
        yield from self.server_lists(0)
        made: list[str] = []

        def boot(number: int) -> None:
            made.append(self._boot(image, network))
            self.client.wait('compute', f'/servers/{made[-1]}', 'server', 'ACTIVE')

        boot(-1)
        yield measure.run('server create -> ACTIVE', boot, clients=1, count=19, pids=self.pids)
        yield self._many('100 servers, each until ACTIVE', made, 100 - len(made), image, network)
        yield from self.server_lists(len(made))
        if largest > len(made):
            yield self._many('servers up to the largest list', made, largest - len(made), image, network)
            yield from self.server_lists(len(made))
        yield measure.run('server delete', lambda n: self._delete(made.pop()), clients=8, count=len(made), pids=self.pids)
        end = time.monotonic() + 120
        while ask('GET', 'network', f'/v2.0/ports?network_id={network}&device_owner=compute:nova')['ports'] and time.monotonic() < end:
            time.sleep(0.2)
        ask('DELETE', 'network', f'/v2.0/networks/{network}')

    def _many(self, name: str, made: list[str], count: int, image: str, network: str) -> Result:
        def boot(number: int) -> None:
            server = self._boot(image, network)
            made.append(server)
            self.client.wait('compute', f'/servers/{server}', 'server', 'ACTIVE')

        return measure.run(name, boot, clients=8, count=count, pids=self.pids)

    def _delete(self, server: str) -> None:
        self.client.ask('DELETE', 'compute', f'/servers/{server}')
        end, pause = time.monotonic() + 60, 0.02
        while self.client.raw('GET', f'{self.client.catalog["compute"]}/servers/{server}')[0] != 404:
            if time.monotonic() > end:
                raise RuntimeError(f'server {server} is not gone')
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)
