"""What an operator asks of compute: workers, zones, and what happened elsewhere."""

from __future__ import annotations

import datetime
from typing import Any

from common.api import DELETE, GET, POST, PUT, Call, Obj, Reply, Resource, Str
from common.api.types import Raw
from common.errors import Conflict, InvalidInput, NotFound
from compute import port_changes
from compute.api import answers
from compute.api.hypervisors import host_id, hosts, state_of
from compute.api.versions import minor
from compute.db import servers as queries


def _seen(host: dict[str, Any]) -> str | None:
    seen = host.get('seen_at')
    return datetime.datetime.fromtimestamp(seen, datetime.UTC).strftime('%Y-%m-%dT%H:%M:%S.%f') if seen else None


def _service(call: Call, host: dict[str, Any]) -> dict[str, Any]:
    state, status = state_of(host)
    body = {
        'id': host_id(call, host['name']),
        'binary': 'nova-compute',
        'host': host['name'],
        'zone': host.get('zone') or 'nova',
        'status': status,
        'state': state,
        'updated_at': _seen(host),
        'disabled_reason': host.get('disabled_reason'),
    }
    if minor(call) >= 11:
        body['forced_down'] = False
    return body


def list_services(call: Call) -> Reply:
    """All workers."""
    found = [_service(call, host) for host in hosts(call)]
    for name in ('host', 'binary'):
        if call.query.get(name):
            found = [entry for entry in found if entry[name] == call.query[name]]
    return Reply(found)


def _set_service(call: Call, name: str, enabled: bool, reason: str | None) -> dict[str, Any]:
    call.service.scheduler.set_host(call.ctx, kind='server', name=name, values={'enabled': enabled, 'disabled_reason': reason})
    return next(_service(call, host) for host in hosts(call) if host['name'] == name)


def enable(call: Call) -> Reply:
    """Let a host take servers (before 2.53)."""
    found = _set_service(call, call.body['host'], True, None)
    return Reply({'service': {name: found[name] for name in ('host', 'binary', 'status')}}, wrap=False)


def disable(call: Call) -> Reply:
    """Let a host take no servers (before 2.53)."""
    found = _set_service(call, call.body['host'], False, call.body.get('disabled_reason'))
    names = ('host', 'binary', 'status') + (('disabled_reason',) if call.body.get('disabled_reason') else ())
    return Reply({'service': {name: found[name] for name in names}}, wrap=False)


def _named(call: Call) -> dict[str, Any]:
    """The host of the service in the path. Raises NotFound."""
    for host in hosts(call):
        if str(host_id(call, host['name'])) == call.params['id']:
            return host
    raise NotFound(message=f'Compute service {call.params["id"][:64]} could not be found.')


def update_service(call: Call) -> Reply:
    """Let a host take servers, or none."""
    name = _named(call)['name']
    if 'status' not in call.body:
        raise InvalidInput('Give a status: enabled or disabled.', field='status')
    if call.body.get('disabled_reason') and call.body['status'] == 'enabled':
        raise InvalidInput('disabled_reason goes with the status disabled.', field='disabled_reason')
    found = _set_service(call, name, call.body['status'] == 'enabled', call.body.get('disabled_reason'))
    return Reply({'service': found}, wrap=False)


def delete_service(call: Call) -> None:
    """Forget a host that is gone for good. Raises NotFound, and Conflict for one that is up or has servers."""
    host = _named(call)
    if state_of(host)[0] == 'up':
        raise Conflict(f'Host {host["name"]} is up and would be known again at its next report. Stop its worker first.')
    call.service.scheduler.remove_host(call.ctx, kind='server', name=host['name'])


def list_zones(call: Call) -> Reply:
    """Zones with hosts in them."""
    return Reply(
        {'availabilityZoneInfo': [{'zoneName': name, 'zoneState': {'available': up}, 'hosts': None} for name, up, _ in _zones(call)]},
        wrap=False,
    )


def list_zones_detail(call: Call) -> Reply:
    """Zones with their hosts."""
    found = []
    for name, up, members in _zones(call):
        shown = {
            host['name']: {'nova-compute': {'available': state_of(host)[0] == 'up', 'active': True, 'updated_at': _seen(host)}}
            for host in members
        }
        found.append({'zoneName': name, 'zoneState': {'available': up}, 'hosts': shown})
    return Reply({'availabilityZoneInfo': found}, wrap=False)


def _zones(call: Call) -> list[tuple[str, bool, list[dict[str, Any]]]]:
    zones: dict[str, list[dict[str, Any]]] = {}
    for host in hosts(call):
        zones.setdefault(host.get('zone') or 'nova', []).append(host)
    return [(name, any(state_of(host) == ('up', 'enabled') for host in members), members) for name, members in sorted(zones.items())]


# -- others


def list_extensions(call: Call) -> Reply:
    """The fixed list of version 2.1: everything is part of the API itself."""
    return Reply({'extensions': []}, wrap=False)


def external_events(call: Call) -> Reply:
    """What happened elsewhere: the network service tells of changed addresses. Raises NotFound if all servers are unknown."""
    events = call.body['events']
    with call.service.db.read() as session:
        known = queries.known(session, sorted({event['server_uuid'] for event in events}))
    if not known:
        raise NotFound(message='No instances found for any event')
    answered = []
    for event in events:
        if event['server_uuid'] not in known:
            answered.append({**event, 'status': 'failed', 'code': 404})
            continue
        if event['name'] == 'network-changed':
            port_changes.refresh(call.service, call.ctx, event['server_uuid'])
        answered.append({**event, 'status': event.get('status') or 'completed', 'code': 200})
    return Reply({'events': answered}, 207 if len({event['code'] for event in answered}) > 1 else 200, wrap=False)


_EVENTS = Raw(
    {
        'type': 'array',
        'minItems': 1,
        'maxItems': 1000,
        'items': {
            'type': 'object',
            'required': ['name', 'server_uuid'],
            'properties': {name: {'type': 'string', 'maxLength': 255} for name in ('name', 'server_uuid', 'status', 'tag')},
            'additionalProperties': False,
        },
    },
    'a list of events',
)
_DISABLE = Obj({'host': Str(255, min=1), 'binary': Str(255), 'disabled_reason': Str(255)}, required=['host'])
_UPDATE_SERVICE = Raw(
    {
        'type': 'object',
        'properties': {
            'status': {'type': 'string', 'enum': ['enabled', 'disabled']},
            'disabled_reason': {'type': 'string', 'minLength': 1, 'maxLength': 255},
        },
        'additionalProperties': False,
    },
    'an object with the status',
)


SERVICES = Resource(
    'services',
    'service',
    view=answers.SERVICE,
    routes=[
        GET(
            '/v2.1/{project}/os-services',
            list_services,
            policy='compute:services:list',
            query={'host': Str(255), 'binary': Str(255)},
            paging=False,
        ),
        PUT('/v2.1/{project}/os-services/enable', enable, policy='compute:services:update', body=_DISABLE, wrap=False, until='2.52'),
        PUT('/v2.1/{project}/os-services/disable', disable, policy='compute:services:update', body=_DISABLE, wrap=False, until='2.52'),
        PUT(
            '/v2.1/{project}/os-services/disable-log-reason',
            disable,
            policy='compute:services:update',
            body=_DISABLE,
            wrap=False,
            until='2.52',
        ),
        PUT(
            '/v2.1/{project}/os-services/{id}',
            update_service,
            policy='compute:services:update',
            body=_UPDATE_SERVICE,
            since='2.53',
            wrap=False,
        ),
        DELETE('/v2.1/{project}/os-services/{id}', delete_service, policy='compute:services:update'),
    ],
)
ZONES = Resource(
    'availability_zones',
    routes=[
        GET(
            '/v2.1/{project}/os-availability-zone',
            list_zones,
            policy='compute:availability_zones:list',
            listing=False,
            response=answers.ZONES,
        ),
        GET(
            '/v2.1/{project}/os-availability-zone/detail',
            list_zones_detail,
            policy='compute:availability_zones:detail',
            listing=False,
            response=answers.ZONES,
        ),
    ],
)
OTHERS = Resource(
    'others',
    'other',
    routes=[
        GET('/v2.1/{project}/extensions', list_extensions, policy='compute:extensions:list', listing=False, response=answers.EXTENSIONS),
        POST('/v2.1/{project}/os-server-external-events', external_events, policy='compute:external_events:create',
             body=Obj({'events': _EVENTS}, required=['events']), wrap=False, also=(207,)),
    ],
)  # fmt: skip
RESOURCES = [SERVICES, ZONES, OTHERS]
