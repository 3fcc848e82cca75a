"""Making a server. Read `BOOT` at the end first: it is the recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.errors import NotFound, Refused
from common.operations import HOST, SERVICE, NotYet, Operation, Step, minutes
from compute import describe
from compute.db import servers as queries
from compute.operations import ports
from compute.server_states import ACTIVE, BUILDING, ERROR, NETWORKING, SCHEDULING, SPAWNING
from compute.virt.base import RUNNING, ImageSpec

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Run


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


# -- on the host


def _fetch_image(run: Run) -> dict[str, Any]:
    image, driver = run.params['image'], run.world.driver
    if driver.needs_image_data and driver.cached_image(image['id']) is None:
        client = run.world.service.image.with_context(run.ctx)
        try:
            chunks = client.stream(f'/v2/images/{image["id"]}/file')
        except NotFound:
            raise NotFound(message=f'Image {image["id"]} was deleted before the server could be made from it.') from None
        driver.cache_image(image['id'], image['disk_format'], _checked(run, chunks), image.get('os_hash_value'))
    return {}


def _checked(run: Run, chunks: Any) -> Any:
    """The same chunks; ends early when the operation should."""
    for chunk in chunks:
        run.check()
        yield chunk


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
    files = describe.config_drive_files(describe.description(server), run.params.get('files') or [])
    run.world.driver.make_config_drive(run.world.spec(run.resource_id, _image(run)), files)


def _wait_for_network(run: Run) -> None:
    """Each port must be plugged and filtered before the guest may send its first packet."""
    client = run.world.network.with_context(run.ctx)
    for port_id in (run.outputs['make_ports'] or {})['waiting']:
        status = client.get(f'/v2.0/ports/{port_id}?fields=id&fields=status')['port']['status']
        if status != 'ACTIVE':
            raise NotYet(f'The network of the host has not made port {port_id} yet.', after=0.25)


def _spawn(run: Run) -> None:
    run.world.driver.spawn(run.world.spec(run.resource_id, _image(run)))


def _destroy(run: Run, output: dict[str, Any] | None) -> None:
    run.world.driver.destroy(run.resource_id)


# -- the end


def _active(session: Session, run: Run) -> None:
    when = now()
    queries.set_state(
        session, run.resource_id, when, vm_state=ACTIVE, task_state=None, power_state=RUNNING, launched_at=when, progress=100, fault=None
    )


def _failed(session: Session, run: Run, fault: dict[str, Any]) -> None:
    queries.set_state(session, run.resource_id, now(), vm_state=ERROR, task_state=None, fault=describe.fault(fault))


def _superseded(session: Session, run: Run) -> None:
    """A delete has overtaken it, which says what happens to the row."""


BOOT = Operation(
    'server.boot',
    of='server',
    deadline=minutes(15),
    steps=[
        Step('choose_host', on=SERVICE, do=_choose_host, undo=_release_host, save=_save_host, undo_save=_forget_host),
        Step('make_ports', on=SERVICE, do=_make_ports, undo=_delete_ports, save=_save_ports, undo_save=_forget_ports),
        Step('fetch_image', on=HOST, do=_fetch_image, when=lambda run: run.params.get('image'), retry_from='choose_host'),
        Step('make_disk', on=HOST, do=_make_disk, undo=_delete_disk, retry_from='choose_host'),
        Step('make_config_drive', on=HOST, do=_make_config_drive, undo=_delete_disk, when=lambda run: run.params.get('config_drive')),
        Step(
            'wait_for_network',
            on=HOST,
            do=_wait_for_network,
            when=lambda run: (run.outputs['make_ports'] or {}).get('waiting'),
            timeout=minutes(3),
        ),
        Step('spawn', on=HOST, do=_spawn, undo=_destroy, retry_from='choose_host'),
    ],
    on_done=_active,
    on_failed=_failed,
    on_superseded=_superseded,
)
STARTS_IN = {'vm_state': BUILDING, 'task_state': SCHEDULING}
