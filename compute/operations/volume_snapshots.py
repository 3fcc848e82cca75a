"""Making an image of a server that boots from a volume: its volumes are kept as snapshots, and the image names those.

The image has no data of its own. Read `SNAPSHOT_OF_VOLUMES` at the end first: it is the recipe.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import NotFound, Refused
from common.operations import SERVICE, NotYet, Operation, Step, minutes
from compute.db import servers as queries
from compute.operations import snapshot
from compute.server_states import IMAGE_PENDING_UPLOAD, IMAGE_SNAPSHOT

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run
    from common.rest import RestClient

_VERSION = '3.44'
_MARK = 'pileus_image'
_OCTETS = {'Content-Type': 'application/octet-stream'}


def _volume(run: Run) -> RestClient:
    client: RestClient = run.world.volume.with_context(run.ctx)
    return client


def _snapshots(client: RestClient, run: Run, volume_id: str) -> list[dict[str, Any]]:
    """Those that this operation has made of a volume: they are told by their metadata."""
    found = client.get(f'/v3/snapshots/detail?all_tenants=1&volume_id={volume_id}', version=_VERSION)['snapshots']
    return [one for one in found if one['metadata'].get(_MARK) == run.params['image_id']]


def _keep(run: Run) -> dict[str, Any]:
    """Start a snapshot of each volume; gives their ids by volume."""
    client, made = _volume(run), {}
    for volume in run.params['volumes']:
        found = _snapshots(client, run, volume['volume_id'])
        if not found:
            body = {
                'volume_id': volume['volume_id'],
                'name': f'snapshot for {run.params["image"]["name"]}'[:255],
                'force': True,
                'metadata': {_MARK: run.params['image_id']},
            }
            found = [client.post('/v3/snapshots', {'snapshot': body}, version=_VERSION)['snapshot']]
        made[volume['volume_id']] = {'snapshot_id': found[0]['id'], 'size': found[0]['size']}
    return made


def _forget(run: Run, output: dict[str, Any] | None) -> None:
    client = _volume(run)
    for volume in run.params['volumes']:
        for one in _snapshots(client, run, volume['volume_id']):
            try:
                client.delete(f'/v3/snapshots/{one["id"]}', version=_VERSION)
            except NotFound:
                continue


def _wait(run: Run) -> None:
    client = _volume(run)
    for made in (run.outputs['keep_volumes'] or {}).values():
        try:
            status = client.get(f'/v3/snapshots/{made["snapshot_id"]}', version=_VERSION)['snapshot']['status']
        except NotFound:
            raise Refused(f'Snapshot {made["snapshot_id"]} was deleted before the image was whole.') from None
        if status == 'error':
            raise Refused('A volume of the server could not be kept as it is; detach it, or see what the volume service says.')
        if status != 'available':
            raise NotYet(f'Snapshot {made["snapshot_id"]} is {status} yet.', after=0.25)


def _register(run: Run) -> dict[str, Any]:
    """Register the image; it names the snapshots as the compute API describes block devices (block_device_mapping_v2)."""
    made = run.outputs['keep_volumes'] or {}
    mapping = [
        {
            'source_type': 'snapshot', 'destination_type': 'volume', 'snapshot_id': made[volume['volume_id']]['snapshot_id'],
            'volume_size': made[volume['volume_id']]['size'], 'device_name': volume['device'], 'boot_index': volume['boot_index'],
            'delete_on_termination': volume['delete_on_termination'], 'device_type': 'disk', 'disk_bus': 'virtio', 'volume_id': None,
            'image_id': None, 'guest_format': None, 'no_device': None, 'tag': None,
        }
        for volume in run.params['volumes']
    ]  # fmt: skip
    root = next((volume['device'] for volume in run.params['volumes'] if volume['boot_index'] == 0), '/dev/vda')
    about = {'block_device_mapping': json.dumps(mapping), 'bdm_v2': 'True', 'root_device_name': root, 'disk_format': 'raw'}
    return snapshot.register(run, {**run.params['image'], **about})


def _activate(run: Run) -> None:
    """An image is active when its data is there, of which this one has none."""
    client = run.world.image.with_context(run.ctx)
    path = f'/v2/images/{run.params["image_id"]}'
    try:
        if client.get(path)['status'] != 'active':
            client.request('PUT', f'{path}/file', data=b'', headers=_OCTETS)
    except NotFound:
        raise snapshot.ImageDeleted(f'Image {run.params["image_id"]} was deleted before it was whole.') from None


def _saves(task_state: str) -> Any:
    def save(session: Session, run: Run, output: dict[str, Any] | None) -> None:
        queries.set_state(session, run.resource_id, now(), task_state=task_state)

    return save


SNAPSHOT_OF_VOLUMES = Operation(
    'server.snapshot_of_volumes',
    of='server',
    deadline=minutes(240),
    steps=[
        Step('keep_volumes', on=SERVICE, do=_keep, undo=_forget, save=_saves(IMAGE_SNAPSHOT)),
        Step('register_image', on=SERVICE, do=_register, undo=snapshot.remove_image, save=_saves(IMAGE_PENDING_UPLOAD)),
        Step('wait_for_snapshots', on=SERVICE, do=_wait),
        Step('activate', on=SERVICE, do=_activate),
        Step('rotate', on=SERVICE, do=snapshot.rotate, when=snapshot.is_backup),
    ],
    on_done=snapshot.done,
    on_failed=snapshot.failed,
    on_superseded=snapshot.superseded,
)
