"""The limits that identity keeps for a service's resources, as the service reads them.

Identity holds a registered limit per service, region and resource (what everybody has), and limits of single projects. A
service asks for both at once per project and remembers the answer for a few seconds. Identity announces every change, so
what is remembered is forgotten at once; who is about to refuse something asks again first (`fresh`).
"""

from __future__ import annotations

import logging
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any

from common.clock import monotonic
from common.context import Context
from common.errors import PileusError, Unavailable
from common.messaging.contract import Contract, fanout

if TYPE_CHECKING:
    from common.messaging import Broker
    from common.rest import RestClient

LOG = logging.getLogger(__name__)
REMEMBERED = 5.0
_MOST_PROJECTS = 2000


class LimitNews(Contract, topic='limit-news'):
    """What identity announces to all services that hold to its limits."""

    @fanout
    def limits_changed(self) -> None:
        """Some limit was made, changed or removed."""


class IdentityLimits:
    """Limits of one service's resources, by project.

    :param identity: asks identity as the service's user
    :param service_type: the type that the catalog has for the service ('image')
    :param region: the region whose limits hold; those without a region hold everywhere
    """

    def __init__(self, identity: RestClient, service_type: str, region: str) -> None:
        self._identity, self._type, self._region = identity, service_type, region
        self._lock = threading.Lock()
        self._service_id: str | None = None
        self._known: dict[str, tuple[float, dict[str, int]]] = {}
        self._round = 0

    def of(self, project_id: str, *, fresh: bool = False) -> dict[str, int]:
        """The limit of each registered resource for a project; -1 is without limit.

        :param fresh: ask identity even if its last answer is young
        :raises: Unavailable when identity does not answer and never did for this project
        """
        known = self._known.get(project_id)
        if known is not None and not fresh and monotonic() < known[0] + REMEMBERED:
            return known[1]
        asked = self._round
        try:
            found = self._ask(project_id)
        except PileusError as error:
            if known is None:
                raise Unavailable(
                    'The limits of the project cannot be read from identity now. Try again.',
                    admin_detail=error.admin_detail or error.message,
                ) from error
            LOG.warning('limits of project %s could not be read, the last ones stay in force: %s', project_id, error.message)
            return known[1]
        with self._lock:
            if asked == self._round:  # else something has changed since, and the next caller asks again
                if len(self._known) >= _MOST_PROJECTS:
                    self._known.clear()
                self._known[project_id] = (monotonic(), found)
        return found

    def forget(self) -> None:
        """Ask again for every project, but keep the last answers for a time without identity."""
        with self._lock:
            self._round += 1
            self._known = {project: (0.0, limits) for project, (_, limits) in self._known.items()}

    def _ask(self, project_id: str) -> dict[str, int]:
        service_id = self._service_id or self._find_service()
        if service_id is None:
            return {}
        where = urllib.parse.urlencode({'service_id': service_id})
        own = urllib.parse.urlencode({'service_id': service_id, 'project_id': project_id})
        registered = self._identity.get(f'/v3/registered_limits?{where}')['registered_limits']
        limits = self._identity.get(f'/v3/limits?{own}')['limits']
        return self._choose(registered, 'default_limit') | self._choose(limits, 'resource_limit')

    def _choose(self, found: list[dict[str, Any]], amount: str) -> dict[str, int]:
        """By resource, of this region or of all; that of the region wins."""
        here = [one for one in found if one['region_id'] in (None, self._region)]
        return {one['resource_name']: one[amount] for one in sorted(here, key=lambda one: one['region_id'] is not None)}

    def _find_service(self) -> str | None:
        services = self._identity.get('/v3/services?' + urllib.parse.urlencode({'type': self._type}))['services']
        self._service_id = services[0]['id'] if services else None
        return self._service_id


class LimitNewsListener:
    """Makes a process forget limits when identity announces a change. A part of the API that holds to them.

    :param name: of the queue, different for every process
    """

    def __init__(self, broker: Broker, name: str, limits: IdentityLimits) -> None:
        self._broker, self._name, self._limits = broker, name, limits
        self._server: Any = None

    def start(self) -> None:
        """Begin."""
        self._server = self._broker.serve(LimitNews, self, host=self._name, workers=1)

    def stop(self, seconds: float = 5.0) -> None:
        """End."""
        if self._server is not None:
            self._server.stop(drain=seconds)

    def limits_changed(self, ctx: Context) -> None:
        """See LimitNews."""
        self._limits.forget()


def announce(broker: Broker) -> None:
    """Tell all services that a limit has changed. A broker that is away is logged: they find out within seconds."""
    try:
        broker.client(LimitNews).limits_changed(Context.service('identity'))
    except PileusError as error:
        LOG.warning('a changed limit could not be announced: %s', error.message)
