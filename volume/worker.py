"""The volume worker of a host: runs the host's steps, exports volumes, and keeps pool and exports as the database says."""

from __future__ import annotations

import logging
import pathlib
from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import PileusError
from volume.conf import VolumeOptions
from volume.drivers.base import Credentials, Pool, Target
from volume.rpc import VolumeControl

if TYPE_CHECKING:
    from common.messaging import Broker
    from common.operations import Runner
    from common.rest import RestClient

LOG = logging.getLogger(__name__)


class HostWorld:
    """What the steps of operations find on a volume host."""

    def __init__(self, pool: Pool, target: Target, image: RestClient) -> None:
        self.pool, self.target, self.image = pool, target, image


def load_pool(options: VolumeOptions, directory: pathlib.Path) -> Pool:
    """The pool that the options name."""
    if options.pool == 'file':
        from volume.drivers.file import FilePool

        return FilePool(directory)
    if options.pool == 'simulated':
        from volume.drivers.simulated import SimulatedPool

        return SimulatedPool(options.simulated_total_gib)
    raise ValueError(f'[volume] pool = {options.pool!r} is not known; known: file, simulated')


def load_target(options: VolumeOptions) -> Target:
    """The target that the options name."""
    if options.target == 'tgt':
        from volume.targets.tgt import TgtTarget

        return TgtTarget.at(options.target_control, f'{options.target_address}:{options.target_port}')
    if options.target == 'simulated':
        from volume.drivers.simulated import SimulatedTarget

        return SimulatedTarget()
    raise ValueError(f'[volume] target = {options.target!r} is not known; known: tgt, simulated')


class VolumeWorker:
    """Answers the contract `VolumeHost` for one host."""

    def __init__(self, host: str, options: VolumeOptions, world: HostWorld, broker: Broker) -> None:
        self.host = host
        self.options = options
        self.world = world
        self.control = broker.client(VolumeControl)
        self.runner: Runner | None = None

    def wake(self, ctx: Context, operation: str) -> None:
        """There is a step to run."""
        if self.runner is not None:
            self.runner.wake(operation)

    def export(self, ctx: Context, volume: str, secret: str) -> dict[str, Any]:
        """Export a volume; gives the connection with its credentials."""
        path = self.world.pool.path(volume)
        connection = self.world.target.export(volume, path, Credentials(volume, secret))
        data = {**connection['data'], 'auth_method': 'CHAP', 'auth_username': volume, 'auth_password': secret, 'access_mode': 'rw'}
        return {**connection, 'data': data}

    def unexport(self, ctx: Context, volume: str) -> None:
        """End the export of a volume."""
        self.world.target.unexport(volume)

    def report(self) -> None:
        """Tell the service that this host lives, and how much room it has."""
        room = self.world.pool.capacity()
        self.control.report(
            Context.service('volume'),
            host=self.host,
            availability_zone=self.options.availability_zone,
            total_gib=room.total_gib,
            free_gib=room.free_gib,
            provisioned_gib=room.provisioned_gib,
        )

    def reconcile(self) -> None:
        """Make exports what the database says: after a restart of the target daemon, and after calls that were cut short.

        Data of unknown volumes is reported, never removed: a deletion is always an operation.
        """
        ctx = Context.service('volume')
        # What is there comes first: an export made after this line is in neither list, and so is left alone.
        exported = set(self.world.target.inventory())
        stored, kept = set(self.world.pool.inventory()), set(self.world.pool.snapshots())
        expected = self.control.expected(ctx, host=self.host)
        for volume_id, secret in expected['exports'].items():
            if volume_id not in exported and self.world.pool.exists(volume_id):
                self._try('export', volume_id, lambda v=volume_id, s=secret: self.export(ctx, v, s))
        for volume_id in exported - set(expected['exports']):
            self._try('unexport', volume_id, lambda v=volume_id: self.unexport(ctx, v))
        for snapshot_id in kept - set(expected['snapshots']):
            LOG.warning('snapshot %s has data on this host and no record; it is left alone', snapshot_id)
        for volume_id in stored - set(expected['volumes']):
            LOG.warning('volume %s has data on this host and no record; it is left alone', volume_id)

    @staticmethod
    def _try(what: str, volume_id: str, action: Any) -> None:
        try:
            action()
        except PileusError as error:
            LOG.warning('%s of volume %s failed and is tried again at the next pass: %s', what, volume_id, error)
