"""Where the metadata proxy listens: in the namespace of each router, and of each DHCP server whose network has none."""

from __future__ import annotations

import socket
from collections.abc import Mapping

from network.apply import namespaces
from network.apply.host import Host
from network.apply.interiors import METADATA_ADDRESS
from network.metadata_proxy import BACKLOG, MetadataProxy

PORT = 80
Place = tuple[str, str]


def ensure(host: Host, proxy: MetadataProxy, wanted: Mapping[Place, str]) -> None:
    """Listen in these namespaces (place -> namespace) and in no other; again where a namespace was made anew."""
    listening = proxy.listening()
    for place in listening.keys() - wanted.keys():
        proxy.remove(place)
        host.note(f'stopped to serve metadata in {place[0]} {place[1]}')
    for place, namespace in sorted(wanted.items()):
        identity = namespaces.identity(host, namespace)
        if identity is None or listening.get(place) == identity:
            continue
        try:
            proxy.add(place, _listen(host, namespace), identity)
        except OSError as error:
            host.problem(f'cannot serve metadata in {namespace}: {error.strerror}')
            continue
        host.note(f'serving metadata in {namespace}')


def _listen(host: Host, namespace: str) -> socket.socket:
    with namespaces.entered(host, namespace):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setsockopt(socket.SOL_IP, getattr(socket, 'IP_FREEBIND', 15), 1)
            listening.bind((METADATA_ADDRESS, PORT))
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
    return listening
