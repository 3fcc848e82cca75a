"""What the steps of operations find on a compute host."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from compute.db import servers as queries
from compute.db.models import ServerVolume
from compute.virt.base import Driver, ImageSpec, InterfaceSpec, ServerSpec, VolumeSpec

if TYPE_CHECKING:
    from common.rest import RestClient
    from compute.service import ComputeService


@dataclasses.dataclass
class HostWorld:
    """One host: its driver, and the service's own object for what has to be read."""

    host: str
    driver: Driver
    service: ComputeService

    @property
    def network(self) -> RestClient:
        """A client of the network API."""
        return self.service.network

    def spec(self, server_id: str, image: ImageSpec | None = None, volumes: Sequence[VolumeSpec] | None = None) -> ServerSpec:
        """The server as the driver needs it, read anew. `volumes`: those to start with; None: those that are attached."""
        with self.service.db.read() as session:
            server = queries.shown(session, server_id, deleted=True)
            if server is None:
                raise LookupError(f'server {server_id} has no row')
            return spec_of(server, attached(queries.volumes_of(session, [server_id])[server_id]) if volumes is None else volumes, image)


def attached(volumes: Sequence[ServerVolume]) -> list[VolumeSpec]:
    """The volumes that a server has, in boot order; how they are reached the driver has noted when they were attached."""
    ordered = sorted(volumes, key=lambda volume: (volume.boot_index is None, volume.boot_index or 0))
    return [VolumeSpec(volume.volume_id, volume.attachment_id or '', volume.device) for volume in ordered if volume.status != 'attaching']


def spec_of(server: Any, volumes: Sequence[VolumeSpec], image: ImageSpec | None = None) -> ServerSpec:
    """A server's row or record as the driver needs it."""
    flavor = server.flavor
    return ServerSpec(
        id=server.id,
        name=server.name,
        vcpus=server.vcpus,
        memory_mib=server.memory_mib,
        disk_gib=server.root_gib,
        ephemeral_gib=int(flavor.get('ephemeral', 0)),
        swap_mib=int(flavor.get('swap', 0)),
        image=image,
        interfaces=tuple(InterfaceSpec(e['port_id'], e['mac'], e['mtu'], e['network_id']) for e in server.network_info),
        volumes=tuple(volumes),
        config_drive=server.config_drive,
        project_id=server.project_id,
        user_id=server.user_id,
        flavor_name=flavor.get('original_name', ''),
        extra_specs=flavor.get('extra_specs', {}),
    )
