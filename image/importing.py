"""Asking for imports: what is checked before one begins, and the transaction that begins it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.config import ConfigError
from common.context import Context
from common.errors import Conflict, Gone, InvalidInput
from image import fetching, images, quotas, tasks
from image.addresses import rules_of
from image.db import images as image_queries
from image.db import imports as queries
from image.db import staging as staging_queries
from image.operations.import_image import COPY, DIRECT, IMPORT, METHODS, OTHER_CLOUD, WEB
from image.records import ACTIVE, IMPORTING, QUEUED, UPLOADING, ImageRecord, TaskRecord

if TYPE_CHECKING:
    from common.db.session import Session
    from image.conf import ImageOptions
    from image.service import ImageService

_UUID = re.compile(r'[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\Z', re.IGNORECASE)
_QUOTAS = {DIRECT: quotas.IMPORT, WEB: quotas.IMPORT | quotas.STAGING, OTHER_CLOUD: quotas.IMPORT | quotas.STAGING, COPY: quotas.IMPORT}


def start(service: ImageService, ctx: Context, image_id: str, body: dict[str, Any], header_store: str | None = None) -> None:
    """Begin to import; goes on after the request.

    :param body: `method` (name, and what belongs to it), and one of `stores` and `all_stores`, with `all_stores_must_succeed`
    :param header_store: the store that the header X-Image-Meta-Store names
    :raises: NotFound, Forbidden, Conflict (the image is not in the state that the method needs), InvalidInput, OverQuota
    """
    method = body['method']
    name = method['name']
    policy = 'image:images:copy' if name == COPY else 'image:images:import'
    with service.db.read() as session:
        record = images.find_own(service, ctx, image_id, policy, session)
    _check_method(service, method)
    _check_state(record, name)
    size = _known_size(record, name) * len(_stores(service, record, body, header_store))

    def work(session: Session) -> None:
        fresh = images.find_own(service, ctx, image_id, policy, session)
        _check_state(fresh, name)
        if name == DIRECT and staging_queries.arriving(session, image_id):
            raise Conflict(f'The data of image {image_id} is still being staged.')
        stores = _stores(service, fresh, body, header_store)
        given = {'image_id': image_id, 'import_req': body, 'backend': stores}
        task = tasks.begin(session, ctx, tasks.IMAGE_IMPORT, image_id, given)
        must_succeed = body.get('all_stores_must_succeed', True)
        _begin(service, session, ctx, fresh, task, method, stores=stores, must_succeed=must_succeed)

    quotas.enforced(service, record.owner, _QUOTAS[name] | {quotas.SIZE: size}, work)


def _known_size(record: ImageRecord, method: str) -> int:
    """The bytes that each store is going to get, where that is known before the data are fetched."""
    return (record.size or 0) if method in (DIRECT, COPY) else 0


def start_task(service: ImageService, ctx: Context, kind: str, given: dict[str, Any]) -> TaskRecord:
    """Make an image and import its data from a URL, as one task; should it fail, there is no image.

    :param given: `import_from`, `import_from_format` and `image_properties`
    :raises: InvalidInput, Forbidden, OverQuota
    """
    fetching.check_url(service, given['import_from'])
    properties = {'disk_format': given['import_from_format'], 'container_format': 'bare', **given['image_properties']}
    made: list[TaskRecord] = []

    def begin(session: Session, record: ImageRecord) -> None:
        task = tasks.begin(session, ctx, kind, record.id, given)
        method = {'name': WEB, 'uri': given['import_from']}
        _begin(service, session, ctx, record, task, method, stores=[service.stores.default], must_succeed=True, temporary=True)
        made.append(task)

    images.create(service, ctx, properties, begin)
    return made[-1]


def check_options(options: ImageOptions) -> None:
    """Raise ConfigError for a method of importing that there is not, or an address, port or network that cannot be."""
    unknown = sorted(set(options.import_methods) - set(METHODS))
    if unknown:
        raise ConfigError(f'[image] import_methods: there is no {unknown[0]!r}; known: {", ".join(METHODS)}.')
    rules_of(options)


def _check_method(service: ImageService, method: dict[str, Any]) -> None:
    name = method['name']
    if name not in service.options.import_methods:
        raise InvalidInput(f'Unknown import method name {name!r}; use one of: {", ".join(service.options.import_methods)}.', field='name')
    if name == WEB:
        if not method.get('uri'):
            raise InvalidInput('URI is required for web-download.', field='uri')
        fetching.check_url(service, method['uri'])
    if name == OTHER_CLOUD:
        for field in ('glance_image_id', 'glance_region'):
            if not method.get(field):
                raise InvalidInput(f'{field} is required for glance-download.', field=field)
        if _UUID.match(method['glance_image_id']) is None:
            raise InvalidInput('Remote image id does not look like a UUID.', field='glance_image_id')


def _check_state(record: ImageRecord, method: str) -> None:
    if method == DIRECT and record.status != UPLOADING:
        raise Conflict(f"Image needs to be staged before 'glance-direct' method can be used; it is {record.status}.")
    if method in (WEB, OTHER_CLOUD) and record.status != QUEUED:
        raise Conflict(f'Image needs to be in queued state to use {method!r} method; it is {record.status}.')
    if method == COPY and record.status != ACTIVE:
        raise Conflict(f'Only images with status active can be targeted for copying; this one is {record.status}.')
    if method != OTHER_CLOUD and not (record.disk_format and record.container_format):
        raise InvalidInput('Properties disk_format, container_format must be set prior to importing data.', field='disk_format')


def _stores(service: ImageService, record: ImageRecord, body: dict[str, Any], header_store: str | None) -> list[str]:
    """The stores that the data shall be in, without those that have it. Raises InvalidInput, Conflict."""
    named = body.get('stores')
    # A client may say the same in the header as well, for older services.
    if body.get('all_stores') and (named or header_store) or (header_store and named and named != [header_store]):
        raise InvalidInput('Name the stores, or ask for all of them, not both.', field='stores')
    if body.get('all_stores'):
        wanted = list(service.stores.writable)
    else:
        wanted = list(dict.fromkeys(named or [header_store or service.stores.default]))
        for name in wanted:
            service.stores.get_writable(name)
    if body['method']['name'] != COPY:
        return wanted
    held = {place.store for place in record.locations}
    present = [name for name in wanted if name in held]
    if present and not body.get('all_stores'):
        raise Conflict(f'Image is already present at store {present[0]!r}.')
    return [name for name in wanted if name not in held]


def _begin(
    service: ImageService, session: Session, ctx: Context, record: ImageRecord, task: TaskRecord, method: dict[str, Any], *,
    stores: list[str], must_succeed: bool, temporary: bool = False,
) -> None:  # fmt: skip
    """Everything of the beginning, in the caller's transaction."""
    name = method['name']
    stage = {DIRECT: record.upload_id, COPY: None}.get(name, task.id)
    expect: dict[str, Any] = {}
    values: dict[str, Any] = {'reserved_size': _known_size(record, name) * len(stores), 'reserved_stage': 0}
    if name != COPY:
        expect = {'status': record.status, 'upload_id': record.upload_id}
        values |= {'status': IMPORTING, 'upload_id': stage, 'upload_until': None, 'updated_at': now()}
    if not image_queries.set_columns(session, record.id, expect=expect, **values):
        raise Gone(f'Image {record.id} was deleted.')
    queries.report(session, record.id, stores, [])
    source = None
    if name == OTHER_CLOUD:
        interface = method.get('glance_service_interface') or 'public'
        source = {'image': method['glance_image_id'], 'region': method['glance_region'], 'interface': interface}
    params = {
        'task': task.id, 'task_hours': service.options.task_hours, 'method': name, 'stage': stage, 'stores': stores,
        'must_succeed': must_succeed, 'uri': method.get('uri'), 'source': source, 'owner': record.owner, 'temporary': temporary,
        'formats': {'disk_format': record.disk_format, 'container_format': record.container_format},
        'convert_to': service.options.conversion_format,
    }  # fmt: skip
    service.ops.start(session, ctx, IMPORT, record.id, params=params)
