"""The volume service as its handlers and steps see it."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import Unavailable
from common.ids import new_id
from volume.conf import VolumeOptions
from volume.db import volumes as queries
from volume.db.models import VolumeType
from volume.rpc import VolumeHost

if TYPE_CHECKING:
    from common.db import Database
    from common.messaging import Broker
    from common.operations import Operations
    from common.policy import Policy
    from common.quota import Quotas
    from common.rest import RestClient


@dataclasses.dataclass(slots=True)
class VolumeService:
    """What a handler of the API needs."""

    options: VolumeOptions
    db: Database
    policy: Policy
    broker: Broker
    ops: Operations
    quotas: Quotas
    image: RestClient

    def host_client(self, host: str | None) -> Any:
        """The worker of a host. Raises Unavailable when the volume has none."""
        if host is None:
            raise Unavailable('The volume is on no host.')
        return self.broker.client(VolumeHost, host=host)

    def prepare(self) -> None:
        """Write what every cloud has: the default volume type."""
        with self.db.write() as session:
            if queries.find_type(session, self.options.default_type) is None:
                session.add(VolumeType(id=new_id(), name=self.options.default_type, description='Default Volume Type', created_at=now()))


def directory_of(options: VolumeOptions, state_directory: str) -> pathlib.Path:
    """Where the file pool keeps volumes."""
    return pathlib.Path(options.directory or pathlib.Path(state_directory) / 'volumes')
