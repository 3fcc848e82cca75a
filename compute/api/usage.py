"""What projects used: `os-simple-tenant-usage`."""

from __future__ import annotations

import datetime
import urllib.parse
from typing import Any

from common.api import GET, Call, Reply, Resource, Str
from common.clock import now
from common.errors import Forbidden, InvalidInput, NotFound
from compute import usage
from compute.api import answers
from compute.api.versions import minor
from compute.db import usage as queries
from compute.usage import Period

_FOUR_WEEKS = datetime.timedelta(weeks=4)


def _time(call: Call, name: str, default: datetime.datetime) -> datetime.datetime:
    text = call.query.get(name)
    if not text:
        return default
    try:
        found = datetime.datetime.fromisoformat(text.replace('Z', '+00:00'))
    except ValueError:
        raise InvalidInput(f'Invalid {name} time: give one like 2026-01-31T10:00:00, not {text[:40]!r}.', field=name) from None
    return found.astimezone(datetime.UTC).replace(tzinfo=None) if found.tzinfo is not None else found


def _period(call: Call) -> Period:
    end = _time(call, 'end', now())
    start = _time(call, 'start', end - _FOUR_WEEKS)
    if start > end:
        raise InvalidInput('Invalid start time. The start time cannot occur after the end time.', field='start')
    return Period(start, end)


def _rows(call: Call, period: Period, project_id: str | None) -> tuple[list[Any], list[dict[str, str]]]:
    """Servers, and the links to the next page if there is one. Pages came with version 2.40."""
    page = call.paging('id:asc')
    limit, marker = (page.limit, page.marker) if minor(call) >= 40 else (None, None)
    with call.service.db.read() as session:
        if marker is not None and not queries.is_server(session, marker):
            raise InvalidInput(f'marker [{marker[:64]}] not found', field='marker')
        rows = queries.servers_between(session, period.start, period.end, project_id, limit, marker)
    if limit is None or not rows or len(rows) < limit:
        return rows, []
    asked = {name: value for name, value in call.request.params.items() if name != 'marker'}
    href = f'{call.url(call.request.path_info)}?{urllib.parse.urlencode({**asked, "marker": rows[-1].id})}'
    return rows, [{'rel': 'next', 'href': href}]


def list_usages(call: Call) -> Reply:
    """The use of all projects. Raises NotFound where the path ends with a slash: that asks for one project and names none."""
    if call.request.path_info.endswith('/'):
        raise NotFound(message='The resource could not be found: the path ends without an id.')
    period = _period(call)
    rows, links = _rows(call, period, None)
    detailed = call.query.get('detailed') in ('1', 'True', 'true')
    body: dict[str, Any] = {'tenant_usages': usage.by_project(rows, period, detailed)}
    return Reply({**body, **({'tenant_usages_links': links} if links else {})}, wrap=False)


def show_usage(call: Call) -> Reply:
    """The use of one project, with its servers; an empty object for one that had none."""
    project = call.params['target']
    if project != call.ctx.project_id and not call.ctx.is_admin:
        raise Forbidden('You may see the use of your own project only.')
    period = _period(call)
    rows, links = _rows(call, period, project)
    found = usage.by_project(rows, period, detailed=True)
    return Reply({'tenant_usage': found[0] if found else {}, **({'tenant_usage_links': links} if links else {})}, wrap=False)


_TIMES = {'start': Str(64), 'end': Str(64)}
USAGE = Resource(
    'tenant_usages',
    'tenant_usage',
    routes=[
        GET(
            '/v2.1/{project}/os-simple-tenant-usage',
            list_usages,
            policy='compute:usage:list',
            query={**_TIMES, 'detailed': Str(8)},
            paging=True,
            response=answers.USAGES,
        ),
        GET(
            '/v2.1/{project}/os-simple-tenant-usage/{target}',
            show_usage,
            policy='compute:usage:show',
            listing=False,
            query=_TIMES,
            paging=True,
            response=answers.USAGE,
        ),
    ],
)
RESOURCES = [USAGE]
