"""The APIs of a cloud as the operator's command asks them: found in the catalog, several at a time."""

from __future__ import annotations

import concurrent.futures
import re
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any

from common.errors import Unavailable
from common.rest.client import error_of

TYPES = {
    'compute': 'compute',
    'network': 'network',
    'volume': 'volumev3',
    'image': 'image',
    'identity': 'identity',
    'scheduler': 'pileus-scheduler',
}
"""The services that have events, and their types in the catalog."""


def reason(error: object) -> str:
    """The heart of a chain of connection errors, in few words ('Connection refused')."""
    found = re.search(r'\[Errno -?\d+\] ([^\'")\]]+)', str(error))
    return found[1] if found else str(error).splitlines()[0][:150]


class NoAnswer(Unavailable):
    """There was no connection to a service, or it broke before the service had said anything."""


_LONG = 900.0  # seconds that a service may work on a large body after its last byte


class Apis:
    """Asks the services of one cloud as one user."""

    def __init__(self, session: Any, region: str | None = None) -> None:
        self._session, self._region = session, region
        self._roots: dict[str, str | None] = {}
        self.project_id: str | None = None

    def connect(self) -> None:
        """Sign in and read the catalog. Raises Unavailable when nobody answers, Unauthorized when the password is wrong."""
        from keystoneauth1 import exceptions

        from common.errors import Unauthorized

        try:
            access = self._session.auth.get_access(self._session)
        except exceptions.Unauthorized as error:
            raise Unauthorized(f'The cloud refuses the user name or password: {error.message}') from error
        except exceptions.ClientException as error:
            raise Unavailable(f'Identity does not answer ({reason(error)}). Is the cloud up? See: pileus status') from error
        self.project_id = access.project_id
        for service, kind in TYPES.items():
            found = access.service_catalog.get_endpoints(service_type=kind, interface='public', region_name=self._region).get(kind)
            self._roots[service] = found[0]['url'].rstrip('/') if found else None

    @property
    def services(self) -> list[str]:
        """The services that the catalog knows."""
        return [service for service, root in self._roots.items() if root]

    def get(self, service: str, path: str, *, below_root: bool = False, version: str | None = None) -> Any:
        """The parsed answer of a GET. `below_root`: the path stands right behind host and port. Raises a PileusError."""
        headers = {'OpenStack-API-Version': f'{service} {version}'} if version else {}
        return self.request('GET', service, path, headers=headers, below_root=below_root).json()

    def request(
        self, method: str, service: str, path: str, *, headers: dict[str, str] | None = None, below_root: bool = False, once: bool = False,
        **rest: Any,
    ) -> Any:  # fmt: skip
        """The answer to a request, as `requests` has it. Raises a PileusError.

        :param once: never send it a second time, for bodies that can be read once only
        :param rest: `json`, `data`, `stream`
        """
        from keystoneauth1 import exceptions

        base = self._roots.get(service)
        if base is None:
            raise Unavailable(f'The catalog has no {service} service.')
        if below_root:
            parts = urllib.parse.urlsplit(base)
            base = f'{parts.scheme}://{parts.netloc}'
        if once:
            rest |= {'allow_reauth': False, 'redirect': False, 'timeout': _LONG}
        try:
            answer = self._session.request(
                base + path,
                method,
                headers={'Accept': 'application/json', **(headers or {})},
                raise_exc=False,
                log=False,
                **{'timeout': 30, **rest},
            )
        except exceptions.ClientException as error:
            raise NoAnswer(f'The {service} service at {base} does not answer ({reason(error)}).') from error
        if answer.status_code >= 400:
            raise error_of(answer.status_code, answer.content)
        return answer

    def each(self, function: Callable[[str], Any], services: Iterable[str] | None = None) -> dict[str, Any]:
        """The function's result, or the PileusError it raised, for each service; asked side by side."""
        from common.errors import PileusError

        def one(service: str) -> Any:
            try:
                return function(service)
            except PileusError as error:
                return error

        names = list(self.services if services is None else services)
        with concurrent.futures.ThreadPoolExecutor(max(1, len(names))) as pool:
            return dict(zip(names, pool.map(one, names), strict=True))
