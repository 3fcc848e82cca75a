"""Making a server. Read `BOOT` at the end first: it is the recipe."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import Refused
from common.operations import HOST, SERVICE, NotYet, Operation, Step, minutes
from compute import describe
from compute.db import servers as queries
from compute.operations import images, new_volumes, ports, volumes
from compute.server_states import ACTIVE, BUILDING, ERROR, NETWORKING, SCHEDULING, SPAWNING
from compute.virt.base import RUNNING, ImageSpec, VolumeSpec

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run

_LAST_LOOK = 5.0  # seconds before the end of the wait for the network at which another host is tried


# -- at the service


def _choose_host(run: Run) -> dict[str, Any]:
    request = {**run.params['claim'], 'exclude': list(run.excluded_hosts)}
    found = run.world.scheduler.claim(run.ctx, consumer=run.resource_id, request=request)
    run.set_host(found['host'])
    return {'host': found['host'], 'zone': found.get('zone')}


def _release_host(run: Run, output: dict[str, Any] | None) -> None:
    run.world.scheduler.release(run.ctx, consumer=run.resource_id)
    run.set_host(None)


def _save_host(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    zone = (output or {}).get('zone')
    values = {'availability_zone': zone} if zone else {}
    queries.set_state(session, run.resource_id, now(), host=run.host, task_state=NETWORKING, **values)


def _forget_host(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    queries.set_state(session, run.resource_id, now(), host=None, task_state=SCHEDULING)


def _make_ports(run: Run) -> dict[str, Any]:
    return ports.make(run, run.world.network.with_context(run.ctx))


def _delete_ports(run: Run, output: dict[str, Any] | None) -> None:
    ports.delete(run.world.network.with_context(run.ctx), run.resource_id)


def _save_ports(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    queries.set_state(session, run.resource_id, now(), network_info=(output or {})['network_info'], task_state=SPAWNING)


def _forget_ports(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    queries.set_state(session, run.resource_id, now(), network_info=[])


def _connect_volumes(run: Run) -> dict[str, Any]:
    return {volume['volume_id']: volumes.connect(run, volume['volume_id'], volume['device']) for volume in new_volumes.of(run)}


def _disconnect_volumes(run: Run, output: dict[str, Any] | None) -> None:
    volumes.disconnect_all(run)


def _save_attachments(session: Session, run: Run, output: dict[str, Any] | None) -> None:
    for volume in queries.volumes_of(session, [run.resource_id])[run.resource_id]:
        volume.attachment_id = (output or {}).get(volume.volume_id)


def _complete_volumes(run: Run) -> None:
    for attachment_id in (run.outputs['connect_volumes'] or {}).values():
        volumes.complete(run, attachment_id)


# -- on the host


def _fetch_image(run: Run) -> None:
    images.keep(run, run.params['image'])


def _image(run: Run) -> ImageSpec | None:
    image = run.params.get('image')
    if not image:
        return None
    driver = run.world.driver
    path = driver.cached_image(image['id']) if driver.needs_image_data else None
    if driver.needs_image_data and path is None:
        raise Refused(f'The image {image["id"]} is no longer in the cache of the host.')
    return ImageSpec(image['id'], image['disk_format'], path, image.get('properties', {}))


def _make_disk(run: Run) -> None:
    run.world.driver.make_disk(run.world.spec(run.resource_id, _image(run)))


def _delete_disk(run: Run, output: dict[str, Any] | None) -> None:
    run.world.driver.delete_disk(run.resource_id)


def _make_config_drive(run: Run) -> None:
    service = run.world.service
    with service.db.read() as session:
        server = queries.get(session, run.resource_id, deleted=True)
        volumes_of_server = queries.volumes_of(session, [run.resource_id])[run.resource_id]
    files = describe.config_drive_files(describe.description(server, volumes_of_server), run.params.get('files') or [])
    run.world.driver.make_config_drive(run.world.spec(run.resource_id, _image(run)), files)


def _wait_for_network(run: Run) -> None:
    """Each port must be plugged and filtered before the guest may send its first packet."""
    client = run.world.network.with_context(run.ctx)
    for port_id in (run.outputs['make_ports'] or {})['waiting']:
        status = client.get(f'/v2.0/ports/{port_id}?fields=id&fields=status')['port']['status']
        if status == 'ACTIVE':
            continue
        if run.remaining(_LAST_LOOK) < _LAST_LOOK:
            raise Refused(f'The network of the host has not made port {port_id} in time.')
        raise NotYet(f'The network of the host has not made port {port_id} yet.', after=0.25)


def _spawn(run: Run) -> None:
    run.world.driver.spawn(run.world.spec(run.resource_id, _image(run), _volumes(run)))


def _volumes(run: Run) -> list[VolumeSpec]:
    """The volumes to start with. Their connections hold secrets: they are asked for here and are in no record of the operation."""
    client = run.world.service.volume.with_context(run.ctx)
    found = []
    for volume in new_volumes.of(run):
        attachment = (run.outputs['connect_volumes'] or {})[volume['volume_id']]
        connection = volumes.connection_of(client, attachment)
        found.append(VolumeSpec(volume['volume_id'], attachment, volume['device'], connection=connection))
    return found


def _destroy(run: Run, output: dict[str, Any] | None) -> None:
    run.world.driver.destroy(run.resource_id)


# -- conditions, and the end


def _has_image(run: Run) -> bool:
    return bool(run.params.get('image'))


def _has_volumes(run: Run) -> bool:
    return bool(run.params.get('volumes')) or new_volumes.are_wanted(run)


def _is_waiting(run: Run) -> bool:
    return bool((run.outputs['make_ports'] or {}).get('waiting'))


def _active(session: Session, run: Run) -> None:
    when = now()
    queries.set_state(
        session, run.resource_id, when, vm_state=ACTIVE, task_state=None, power_state=RUNNING, launched_at=when, progress=100, fault=None
    )
    if _has_volumes(run):
        for volume in queries.volumes_of(session, [run.resource_id])[run.resource_id]:
            volume.status = 'attached'


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    queries.set_state(session, run.resource_id, now(), vm_state=ERROR, task_state=None, fault=describe.fault(fault))
    for volume in queries.volumes_of(session, [run.resource_id])[run.resource_id]:
        session.delete(volume)


def _superseded(session: Session, run: Run) -> None:
    """A delete has overtaken it, which says what happens to the row."""


BOOT = Operation(
    'server.boot',
    version=2,
    of='server',
    deadline=minutes(15),
    steps=[
        Step(
            'make_volumes',
            on=SERVICE,
            do=new_volumes.make,
            undo=new_volumes.unmake,
            save=new_volumes.save,
            undo_save=new_volumes.unsave,
            when=new_volumes.are_wanted,
        ),
        Step('choose_host', on=SERVICE, do=_choose_host, undo=_release_host, save=_save_host, undo_save=_forget_host),
        Step('make_ports', on=SERVICE, do=_make_ports, undo=_delete_ports, save=_save_ports, undo_save=_forget_ports),
        Step('connect_volumes', on=SERVICE, do=_connect_volumes, undo=_disconnect_volumes, save=_save_attachments, when=_has_volumes),
        Step('fetch_image', on=HOST, do=_fetch_image, when=_has_image, retry_from='choose_host'),
        Step('make_disk', on=HOST, do=_make_disk, undo=_delete_disk, when=_has_image, retry_from='choose_host'),
        Step('make_config_drive', on=HOST, do=_make_config_drive, undo=_delete_disk, when=lambda run: run.params.get('config_drive')),
        Step('wait_for_network', on=HOST, do=_wait_for_network, when=_is_waiting, timeout=minutes(2), retry_from='choose_host'),
        Step('spawn', on=HOST, do=_spawn, undo=_destroy, retry_from='choose_host'),
        Step('complete_volumes', on=SERVICE, do=_complete_volumes, when=_has_volumes),
    ],
    on_done=_active,
    on_failed=_failed,
    on_superseded=_superseded,
)
BOOT_1 = dataclasses.replace(BOOT, version=1, steps=BOOT.steps[1:])
"""For boots that began before volumes were made with servers."""
STARTS_IN = {'vm_state': BUILDING, 'task_state': SCHEDULING}
