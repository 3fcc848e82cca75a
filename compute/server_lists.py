"""Lists of servers: filters, order, pages."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import Forbidden, InvalidInput
from compute import patterns, server_states
from compute.db import server_filters as filters_in_sql
from compute.db import servers as queries

if TYPE_CHECKING:
    from compute.service import ComputeService

# Filters that users may use as they are: query parameter -> column.
_EXACT = {
    'uuid': 'id', 'id': 'id', 'image': 'image_id', 'flavor': 'flavor_id', 'key_name': 'key_name', 'user_id': 'user_id', 'reservation_id': 'reservation_id',
    'availability_zone': 'availability_zone', 'power_state': 'power_state', 'launch_index': 'launch_index', 'task_state': 'task_state',
    'vm_state': 'vm_state', 'description': 'description', 'config_drive': 'config_drive', 'hostname': 'hostname',
    'progress': 'progress', 'instance_name': 'id', 'image_ref': 'image_id', 'display_description': 'description',
    'access_ip_v4': 'access_ip_v4', 'access_ip_v6': 'access_ip_v6',
}  # fmt: skip
_ADMIN = {'host': 'host', 'node': 'host', 'hypervisor_hostname': 'host'}
_NO_FILTERS = frozenset({'limit', 'marker', 'sort_key', 'sort_dir', 'all_tenants'})
_NAMES = ('name', 'display_name')
_OTHERS = frozenset({
    *_NAMES, 'status', 'locked', 'deleted', 'soft_deleted', 'auto_disk_config', 'project_id', 'tenant_id', 'ip', 'ip6', 'tags', 'tags-any', 'not-tags',
    'not-tags-any',
})  # fmt: skip
_TIMES = {'changes-since': 'since', 'changes-before': 'before'}


def check_filters(query: Iterable[str]) -> None:
    """Raise InvalidInput for a parameter that no list of servers knows: to ignore a filter is to answer with too much."""
    unknown = sorted(set(query) - _NO_FILTERS - _OTHERS - _EXACT.keys() - _ADMIN.keys() - _TIMES.keys())
    if unknown:
        raise InvalidInput(f'Servers cannot be filtered by {unknown[0][:64]!r}.', field=unknown[0][:64])


def list_page(
    service: ComputeService,
    ctx: Context,
    query: dict[str, Any],
    order: list[tuple[str, str]],
    limit: int | None,
    marker: str | None,
    everywhere: bool,
) -> tuple[list[Any], dict[str, list[tuple[str, bool]]]]:
    """A page of rows and their volumes. Raises InvalidInput for a marker that is no server, or values that cannot be."""
    if marker is None and query.keys() <= _NO_FILTERS:
        with service.db.read() as session:
            rows = queries.list_all(session, None if everywhere else str(ctx.project_id), order, limit)
            return rows, queries.attached_ids(session, [row.id for row in rows])
    conditions, by_address = _conditions(ctx, query, everywhere)
    with service.db.read() as session:
        last = queries.get(session, marker, deleted=True) if marker is not None else None
        if marker is not None and (last is None or not (everywhere or last.project_id == ctx.project_id)):
            raise InvalidInput(f'marker [{marker[:64]}] not found', field='marker')
        rows = queries.list_servers(session, conditions, order, None if by_address else limit, last)
        if by_address:
            rows = [row for row in rows if by_address(row)][:limit]
        return rows, queries.attached_ids(session, [row.id for row in rows])


def _conditions(ctx: Context, query: dict[str, Any], everywhere: bool) -> tuple[list[Any], Any]:
    found: list[Any] = _deleted(ctx, query)
    project = query.get('project_id') or query.get('tenant_id')
    if not everywhere:
        found.append(filters_in_sql.equal('project_id', ctx.project_id))
    elif project:
        found.append(filters_in_sql.equal('project_id', project))
    for name, value in query.items():
        if name in _EXACT:
            column = _EXACT[name]
            found.append(filters_in_sql.equal(column, _convert(column, str(value))))
        elif name in _ADMIN:
            if not ctx.is_admin:
                raise Forbidden('Only administrators may ask for the servers of a host.')
            found.append(filters_in_sql.equal('host', value))
        elif name in _NAMES and not patterns.is_pattern(str(value)):
            found.append(filters_in_sql.matches('name', patterns.like(str(value))))
        elif name == 'status':
            found.append(_status(value))
        elif name in _TIMES:
            found.append(filters_in_sql.changed(_TIMES[name], _time(name, str(value))))
        elif name == 'locked':
            found.append(filters_in_sql.equal('locked', _truth(value)))
        elif name == 'auto_disk_config':
            found.append(filters_in_sql.equal('disk_config', 'AUTO' if _truth(value) else 'MANUAL'))
        elif name == 'soft_deleted' and _truth(value):
            found.append(filters_in_sql.nothing())
    return found, _by_json(query)


def _deleted(ctx: Context, query: dict[str, Any]) -> list[Any]:
    """Which of those that are gone and those that are not: who asks what changed is told of both. Raises Forbidden."""
    wanted = query.get('status')
    if 'DELETED' in [str(one).upper() for one in (wanted if isinstance(wanted, list) else [wanted])]:
        _check_may_see_deleted(ctx)
        return [filters_in_sql.deleted(True)]
    if 'deleted' not in query and _TIMES.keys() & query.keys():
        return []
    gone = _truth(query.get('deleted'))
    if gone:
        _check_may_see_deleted(ctx)
    return [filters_in_sql.deleted(gone)]


def _check_may_see_deleted(ctx: Context) -> None:
    if not ctx.is_admin:
        raise Forbidden('Only administrators may list deleted instances.')


def _by_json(query: dict[str, Any]) -> Any:
    """A test for what SQL cannot look at: what lies inside JSON columns (tags, addresses), names by a pattern. None: there is none."""
    tests = []
    for field in _NAMES:
        if patterns.is_pattern(str(query.get(field, ''))):
            tests.append(lambda row, pattern=patterns.compiled(field, str(query[field])): pattern.search(row.name) is not None)
    for name, test in (('tags', all), ('tags-any', any)):
        if query.get(name):
            wanted = str(query[name]).split(',')
            tests.append(lambda row, test=test, wanted=wanted: test(tag in row.tags for tag in wanted))
            if name == 'tags':
                continue
    for name, test in (('not-tags', all), ('not-tags-any', any)):
        if query.get(name):
            wanted = str(query[name]).split(',')
            tests.append(lambda row, test=test, wanted=wanted: not test(tag in row.tags for tag in wanted))
    for name, version in (('ip', 4), ('ip6', 6)):
        if query.get(name):
            pattern = patterns.of_address(name, str(query[name]))
            tests.append(lambda row, pattern=pattern, version=version: any(
                pattern.search(ip['address']) for entry in row.network_info for ip in entry['ips'] if ip['version'] == version))  # fmt: skip
    return (lambda row: all(test(row) for test in tests)) if tests else None


def _status(value: Any) -> Any:
    parts = []
    for one in value if isinstance(value, list) else [value]:
        states, tasks = server_states.states_of(str(one))
        parts.append((states, tasks))
    return filters_in_sql.in_states(parts)


def _truth(value: Any) -> bool:
    return str(value).lower() in ('true', '1', 'yes', 'on', 't')


def _convert(column: str, text: str) -> Any:
    if column in ('power_state', 'launch_index', 'progress'):
        if not re.fullmatch(r'-?\d{1,9}', text):
            raise InvalidInput(f'{column} is a number, not {text[:40]!r}.', field=column)
        return int(text)
    if column == 'config_drive':
        return _truth(text)
    if column == 'id':
        return text.removeprefix('pl-')
    if column in ('image_id', 'flavor_id'):
        return text.rstrip('/').rpartition('/')[2]
    return text


def _time(name: str, text: str) -> datetime.datetime:
    try:
        found = datetime.datetime.fromisoformat(text.replace('Z', '+00:00').replace(' ', '+'))
    except ValueError:
        raise InvalidInput(f'{name} is a time like 2026-01-31T10:00:00Z, not {text[:40]!r}.', field=name) from None
    return found.astimezone(datetime.UTC).replace(tzinfo=None) if found.tzinfo is not None else found
