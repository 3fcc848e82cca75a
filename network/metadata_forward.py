"""From a guest's request to the metadata API's answer: who asks, by the desired state; signed; asked over a kept connection."""

from __future__ import annotations

import functools
import http.client
import ipaddress
import logging
import re
import threading
import urllib.parse

from common import metadata_signature as signature
from network.desired.model import Guest, HostNetwork
from network.metadata_http import Request

LOG = logging.getLogger(__name__)
Place = tuple[str, str]
Answer = tuple[int, list[tuple[str, str]], bytes]
TEXT = [('Content-Type', 'text/plain; charset=UTF-8')]
# What guests may see of the metadata API; its health and metrics are none of theirs.
SERVED = re.compile(r'/(?:(?:latest|openstack|[0-9][0-9.-]*)(?:[/?].*)?)?$')
PASSED = ('accept', 'user-agent', 'content-type')
RETURNED = ('content-type', 'retry-after', 'allow')


class Owners:
    """Whose an address is, as seen from a router or a network of this host."""

    def __init__(self, state: HostNetwork) -> None:
        self._guests = {network.id: {guest.ip: guest for guest in network.guests} for network in state.networks}
        self._behind: dict[Place, list[tuple[str, tuple[str, ...]]]] = {}
        subnets = {subnet.id: subnet.cidr for network in state.networks for subnet in network.subnets}
        for router in state.routers:
            self._behind['router', router.id] = [
                (port.network_id, tuple(subnets[a.subnet_id] for a in port.addresses if a.subnet_id in subnets))
                for port in router.interfaces
            ]
        for dhcp in state.dhcp:
            self._behind['network', dhcp.network_id] = [(dhcp.network_id, ())]

    def find(self, place: Place, address: str) -> Guest | None:
        """The owner of a source address, or None."""
        for network_id, cidrs in self._behind.get(place, ()):
            guest = self._guests.get(network_id, {}).get(address)
            if guest and guest.device_id and (not cidrs or any(ipaddress.ip_address(address) in _network(cidr) for cidr in cidrs)):
                return guest
        return None


@functools.lru_cache(4096)
def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(cidr, strict=False)


class Forwarder:
    """Answers for `MetadataProxy`. `url`: the metadata API; `key`: the secret to sign with; `owners` is replaced with each state."""

    def __init__(self, url: str, key: bytes, *, timeout: float = 15.0) -> None:
        self.owners = Owners(HostNetwork(''))
        self._url = urllib.parse.urlsplit(url)
        self._key = key
        self._timeout = timeout
        self._kept = threading.local()

    def __call__(self, place: Place, address: str, request: Request) -> Answer:
        """Status, headers and body for a guest."""
        guest = self.owners.find(place, address)
        if guest is None:
            LOG.info('metadata is asked by %s, which is no port behind %s %s', address, *place)
            return 404, TEXT, b'No server has this address.\n'
        if not SERVED.match(request.target):
            return 404, TEXT, b'Not found.\n'
        headers = {name: value for name, value in request.headers.items() if name in PASSED}
        headers[signature.INSTANCE_HEADER] = guest.device_id
        headers[signature.PROJECT_HEADER] = guest.project_id
        headers[signature.SIGNATURE_HEADER] = signature.sign(self._key, guest.device_id)
        headers[signature.ADDRESS_HEADER] = address
        try:
            return self._ask(request, headers)
        except (OSError, http.client.HTTPException) as error:
            LOG.warning('the metadata API does not answer: %s', error)
            return 503, [*TEXT, ('Retry-After', '1')], b'The metadata service does not answer now; try again.\n'

    def _ask(self, request: Request, headers: dict[str, str]) -> Answer:
        kept: http.client.HTTPConnection | None = getattr(self._kept, 'connection', None)
        if kept is not None:
            try:
                return self._ask_on(kept, request, headers)
            except (OSError, http.client.HTTPException):
                # The API may have closed a connection that was idle, so a new one gets its chance.
                self._drop()
        try:
            return self._ask_on(self._connect(), request, headers)
        except (OSError, http.client.HTTPException):
            self._drop()
            raise

    def _ask_on(self, connection: http.client.HTTPConnection, request: Request, headers: dict[str, str]) -> Answer:
        connection.request(request.method, self._url.path.rstrip('/') + request.target, body=request.body or None, headers=headers)
        response = connection.getresponse()
        body = response.read()
        if response.will_close:
            self._drop()
        returned = [(name, value) for name, value in response.getheaders() if name.lower() in RETURNED]
        return response.status, returned, body

    def _connect(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._url.scheme == 'https' else http.client.HTTPConnection
        connection = kind(self._url.hostname or '127.0.0.1', self._url.port, timeout=self._timeout)
        self._kept.connection = connection
        return connection

    def _drop(self) -> None:
        kept = getattr(self._kept, 'connection', None)
        if kept is not None:
            kept.close()
            self._kept.connection = None
