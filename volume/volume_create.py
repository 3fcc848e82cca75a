"""Making a volume: what is asked for, where it goes, and what it begins with."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import InvalidInput, NotFound
from common.ids import new_id
from volume import hosts, quotas, sources, volume_types
from volume.db import volumes as queries
from volume.db.models import Volume
from volume.operations.create import CREATE
from volume.sources import Source
from volume.volume_states import CREATING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from volume.service import VolumeService

_SOURCES = ('snapshot_id', 'source_volid', 'imageRef')


def create(service: VolumeService, ctx: Context, body: dict[str, Any]) -> Volume:
    """Write the volume and start to make it. Raises InvalidInput, NotFound, OverQuota, NoValidHost."""
    given = [name for name in _SOURCES if body.get(name)]
    if body.get('backup_id'):
        raise InvalidInput('Volumes cannot be made from backup_id yet; make an empty one.', field='backup_id')
    if len(given) > 1:
        raise InvalidInput(f'A volume begins with one thing, not with {" and ".join(given)}.', field=given[1])
    if body.get('multiattach'):
        raise InvalidInput('multiattach is a property of volume types; no type of this cloud has it.', field='multiattach')
    _check_size(service, body.get('size'), optional=bool(body.get('snapshot_id') or body.get('source_volid')))
    zone = body.get('availability_zone')
    _check_zone(service, zone)
    image = sources.of_image(service, ctx, body['imageRef']) if body.get('imageRef') else None
    free_host = hosts.choose(service, body['size'], zone) if image or not given else None
    with service.db.write() as session:
        source = image or _source(service, ctx, session, body)
        size = int(body.get('size') or source.least)
        if size < source.least:
            what = 'the image needs' if image else 'what it begins with has'
            raise InvalidInput(f'Volume size {size}GB cannot be smaller than the {source.least} GB that {what}.', field='size')
        return _add(service, ctx, session, body, size, source, source.host or free_host, zone)


def _add(
    service: VolumeService, ctx: Context, session: Session, body: dict[str, Any], size: int, source: Source, host: str | None,
    zone: str | None,
) -> Volume:  # fmt: skip
    kind = queries.find_type(session, body.get('volume_type') or service.options.default_type)
    if kind is None or not volume_types.may_use(ctx, session, kind):
        raise NotFound('volume type', body.get('volume_type'))
    quotas.reserve(service, session, _project(ctx), volumes=1, gigabytes=size, largest=size)
    volume = Volume(
        id=new_id(), project_id=_project(ctx), user_id=ctx.user_id, name=body.get('name'), description=body.get('description'), size=size,
        status=CREATING, availability_zone=zone or service.options.availability_zone, multiattach=False, volume_type_id=kind.id, host=host,
        export_secret=secrets.token_hex(16), volume_metadata=dict(body.get('metadata') or {}), created_at=now(),
        **{'bootable': False, **source.columns},
    )  # fmt: skip
    session.add(volume)
    params = {'size': size, **({'source': source.params} if source.params else {})}
    service.ops.start(session, ctx, CREATE, volume.id, params=params, host=host)
    return volume


def _source(service: VolumeService, ctx: Context, session: Session, body: dict[str, Any]) -> Source:
    if body.get('snapshot_id'):
        return sources.of_snapshot(service, ctx, session, body['snapshot_id'])
    if body.get('source_volid'):
        return sources.of_volume(service, ctx, session, body['source_volid'])
    return Source({})


def _check_size(service: VolumeService, size: Any, *, optional: bool) -> None:
    if size is None and optional:
        return
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= service.options.max_size:
        raise InvalidInput(f'size is a whole number of GiB from 1 to {service.options.max_size}.', field='size')


def _project(ctx: Context) -> str:
    if ctx.project_id is None:
        raise InvalidInput('Volumes belong to projects: use a token that is scoped to one.')
    return ctx.project_id


def _check_zone(service: VolumeService, zone: str | None) -> None:
    if zone is None:
        return
    known = {host.availability_zone for host in hosts.list_hosts(service)}
    if zone not in known:
        raise InvalidInput(f"Availability zone '{zone[:64]}' is invalid; known: {', '.join(sorted(known))}.", field='availability_zone')
