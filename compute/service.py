"""The compute service as its handlers and the steps of its operations see it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import NotFound, Unavailable
from compute.conf import ComputeOptions
from compute.hosts import Hosts
from compute.rpc import ComputeHost

if TYPE_CHECKING:
    from common.db import Database
    from common.messaging import Broker
    from common.operations import Operations, Runner
    from common.policy import Policy
    from common.quota import Quotas
    from common.rest import RestClient


@dataclasses.dataclass
class ComputeService:
    """What handlers and the steps at SERVICE need.

    `network`, `image`, `volume`, `identity` are clients of those APIs as the service's own user; `scheduler` is a client of
    its contract.
    """

    options: ComputeOptions
    db: Database
    policy: Policy
    broker: Broker
    ops: Operations
    quotas: Quotas
    network: RestClient
    image: RestClient
    volume: RestClient
    scheduler: Any
    hosts: Hosts
    worker: Any = None  # the ComputeWorker, where this process is one
    runner: Runner | None = None  # of the steps at SERVICE, where this process is a conductor

    def host_client(self, host: str | None) -> Any:
        """The worker of a host. Raises Unavailable when the server has none."""
        if host is None:
            raise Unavailable('The server is on no host yet.')
        return self.broker.client(ComputeHost, host=host)

    def image_of(self, ctx: Context, image_id: str) -> dict[str, Any]:
        """An image as the image service shows it. Raises NotFound."""
        try:
            return dict(self.image.with_context(ctx).get(f'/v2/images/{image_id}'))
        except NotFound:
            raise NotFound('image', image_id, message=f'Image {image_id} could not be found.') from None


def quota_defaults(options: ComputeOptions) -> dict[str, int]:
    """Limits of projects that have none of their own."""
    return {
        'instances': options.quota_instances,
        'cores': options.quota_cores,
        'ram': options.quota_ram,
        'key_pairs': options.quota_key_pairs,
        'metadata_items': options.quota_metadata_items,
        'server_groups': options.quota_server_groups,
        'server_group_members': options.quota_server_group_members,
    }
