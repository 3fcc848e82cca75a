"""What tests of servers do over and over, over HTTP as users do: make what a server needs, make servers, act on them, remove them."""

from __future__ import annotations

from typing import Any

from tests.bench.client import Client
from tests.functional.cloud import eventually

NEW = {'OpenStack-API-Version': 'compute 2.79'}
OCTETS = {'Content-Type': 'application/octet-stream'}


def make_flavor(admin: Client, flavor: str, ram: int = 64) -> str:
    """A flavor of one CPU and 1 GiB; its id, which is also its name."""
    admin.ask('POST', 'compute', '/flavors', {'flavor': {'id': flavor, 'name': flavor, 'ram': ram, 'vcpus': 1, 'disk': 1}})
    return flavor


def make_image(client: Client, name: str, data: bytes | None = bytes(4096), disk_format: str = 'raw', **values: Any) -> str:
    """An image, with data if there are any; its id."""
    body = {'name': name, 'disk_format': disk_format, 'container_format': 'bare', **values}
    made = str(client.ask('POST', 'image', '/v2/images', body)['id'])
    if data is not None:
        client.ask('PUT', 'image', f'/v2/images/{made}/file', data, headers=OCTETS)
    return made


def make_network(client: Client, name: str, cidr: str) -> str:
    """A network with a subnet; its id."""
    made = str(client.ask('POST', 'network', '/v2.0/networks', {'network': {'name': name}})['network']['id'])
    client.ask('POST', 'network', '/v2.0/subnets', {'subnet': {'network_id': made, 'ip_version': 4, 'cidr': cidr}})
    return made


class Servers:
    """Makes the servers of one user and removes them again.

    :param usual: what they are made with where nothing else is asked for, as in the body of a request
    """

    def __init__(self, client: Client, **usual: Any) -> None:
        self.client, self.usual = client, {'name': 'web', 'networks': 'none', **usual}
        self.made: list[str] = []

    def post(self, headers: dict[str, str] = NEW, **values: Any) -> tuple[int, bytes]:
        """Ask for a server: (status, answer). Whoever gets one this way tells `made` of it."""
        status, _, data = self.client.raw(
            'POST', f'{self.client.catalog["compute"]}/servers', {'server': {**self.usual, **values}}, headers=headers
        )
        return status, data

    def create(self, status: str = 'ACTIVE', **values: Any) -> dict[str, Any]:
        """A server once it is in a status and at rest."""
        made = self.client.ask('POST', 'compute', '/servers', {'server': {**self.usual, **values}}, headers=NEW)['server']['id']
        self.made.append(made)
        return self.reach(made, status)

    def show(self, server: str) -> dict[str, Any]:
        """A server as its user sees it."""
        return dict(self.client.ask('GET', 'compute', f'/servers/{server}', headers=NEW)['server'])

    def in_status(self, server: str, status: str) -> dict[str, Any] | None:
        """The server if it is in this status and at rest."""
        found = self.show(server)
        assert status == 'ERROR' or found['status'] != 'ERROR', found['fault']
        return found if found['status'] == status and found['OS-EXT-STS:task_state'] is None else None

    def reach(self, server: str, status: str = 'ACTIVE') -> dict[str, Any]:
        """The server once it is in a status and at rest."""
        return dict(eventually(lambda: self.in_status(server, status), what=f'server {server} {status}'))

    def act(self, server: str, action: dict[str, Any], status: str | None = None) -> Any:
        """The answer to an action, or the server once it has come to a status."""
        answer = self.client.ask('POST', 'compute', f'/servers/{server}/action', action, headers=NEW)
        return self.reach(server, status) if status else answer

    def actions(self, server: str) -> list[dict[str, Any]]:
        """What was done to a server, the newest first."""
        return list(self.client.ask('GET', 'compute', f'/servers/{server}/os-instance-actions', headers=NEW)['instanceActions'])

    def gone(self, server: str) -> bool:
        """Whether it is no more."""
        return self.client.raw('GET', f'{self.client.catalog["compute"]}/servers/{server}')[0] == 404

    def remove(self, *servers: str) -> None:
        """Delete servers, which may be gone already, and wait for their end."""
        for server in servers:
            self.client.raw('DELETE', f'{self.client.catalog["compute"]}/servers/{server}')
        eventually(lambda: all(self.gone(server) for server in servers), what='deletion')

    def clear(self) -> None:
        """Remove all that were made."""
        self.remove(*self.made)
        self.made.clear()
