"""Volumes that are made with a server, of an image, of a snapshot, or empty; and all volumes that it starts with.

What is made carries a mark in its metadata: by it what a lost answer made is found again and nothing is made twice.
"""

from __future__ import annotations

import json
import urllib.parse
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import NotFound, Refused
from common.ids import new_id
from common.operations import NotYet
from compute.db import servers as queries
from compute.db.models import ServerVolume

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run
    from common.rest import RestClient

_VERSION = '3.44'
_SERVER, _DISK = 'pileus_server', 'pileus_disk'
_SOURCES = {'image': 'imageRef', 'snapshot': 'snapshot_id'}


def are_wanted(run: Run) -> bool:
    """Whether volumes are to be made."""
    return bool(run.params.get('new_volumes'))


def of(run: Run) -> list[dict[str, Any]]:
    """All volumes that the server starts with, those made for it too: `[{volume_id, device}]` in boot order."""
    made = (run.outputs.get('make_volumes') or {}).get('volumes') or []
    found = [*(run.params.get('volumes') or []), *({'volume_id': one['volume_id'], 'device': one['device']} for one in made)]
    return sorted(found, key=lambda one: one['device'])


def make(run: Run) -> dict[str, Any]:
    """Make the volumes that are not there yet, and wait until all can be used."""
    client = run.world.volume.with_context(run.ctx)
    present = _marked(run, client)
    found = []
    for disk in run.params['new_volumes']:
        volume = present.get(disk['device']) or _create(run, client, disk)
        found.append((disk, volume))
    for _, volume in found:
        if volume['status'] in ('error', 'error_deleting'):
            raise Refused(f'Volume {volume["id"]} could not be made: {_why(client, volume["id"])}')
        if volume['status'] != 'available':
            raise NotYet(f'Volume {volume["id"]} is {volume["status"]}.', after=0.25)
    return {'volumes': [{**disk, 'volume_id': volume['id']} for disk, volume in found]}


def _why(client: RestClient, volume_id: str) -> str:
    told = client.get(f'/v3/messages?resource_uuid={volume_id}', version=_VERSION)['messages']
    return str(told[0]['user_message']) if told else 'its own timeline says why.'


def _marked(run: Run, client: RestClient) -> dict[str, dict[str, Any]]:
    """Volumes made for the server by the device that they are to be."""
    mark = urllib.parse.quote(json.dumps({_SERVER: run.resource_id}))
    found = client.get(f'/v3/volumes/detail?all_tenants=1&project_id={run.params["project_id"]}&metadata={mark}')['volumes']
    return {volume['metadata'].get(_DISK, ''): volume for volume in found if volume['status'] != 'deleting'}


def _create(run: Run, client: RestClient, disk: dict[str, Any]) -> dict[str, Any]:
    body = {
        'project_id': run.params['project_id'],
        'user_id': run.ctx.user_id,
        'name': '',
        'size': disk['size'],
        'volume_type': disk['volume_type'],
        'metadata': {_SERVER: run.resource_id, _DISK: disk['device']},
    }
    if disk['kind'] in _SOURCES:
        body[_SOURCES[disk['kind']]] = disk['id']
    return dict(client.post('/v3/volumes', {'volume': body})['volume'])


def unmake(run: Run, output: dict[str, Any] | None) -> None:
    """Delete what was made."""
    client = run.world.volume.with_context(run.ctx)
    for volume in _marked(run, client).values():
        try:
            client.delete(f'/v3/volumes/{volume["id"]}')
        except NotFound:
            continue


def save(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    """Rows of the server's volumes."""
    for one in (output or {})['volumes']:
        row = ServerVolume(
            id=new_id(), server_id=run.resource_id, volume_id=one['volume_id'], device=one['device'], tag=one['tag'],
            boot_index=one['boot_index'], status='attaching', delete_on_termination=one['delete_on_termination'], created_at=now(),
        )  # fmt: skip
        session.add(row)


def unsave(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    """The rows go."""
    for one in (output or {}).get('volumes', ()):
        row = queries.volume_of(session, run.resource_id, one['volume_id'])
        if row is not None:
            session.delete(row)
