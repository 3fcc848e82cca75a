"""What an operator asks of compute: hypervisors, workers, zones."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from common.api import GET, POST, PUT, Call, Obj, Reply, Resource, Str
from common.api.types import Raw
from common.errors import InvalidInput, NotFound
from compute import floating
from compute.api import answers
from compute.api.versions import minor

_NAMESPACE = uuid.UUID('6d1d3f0a-6f0e-5a0e-9d0c-7b1f2a3c4d5e')


def _hosts(call: Call) -> list[dict[str, Any]]:
    return sorted(call.service.scheduler.hosts(call.ctx, kind='server'), key=lambda host: host['name'])


def _host_id(call: Call, name: str) -> Any:
    """A host's id: a UUID from version 2.53 on, a number before."""
    made = uuid.uuid5(_NAMESPACE, name)
    return str(made) if minor(call) >= 53 else made.int % 2147483647


def _state(host: dict[str, Any]) -> tuple[str, str]:
    return 'up' if host.get('up') else 'down', 'enabled' if host.get('enabled', True) else 'disabled'


def _hypervisor(call: Call, host: dict[str, Any], detail: bool) -> dict[str, Any]:
    state, status = _state(host)
    body: dict[str, Any] = {'id': _host_id(call, host['name']), 'hypervisor_hostname': host['name'], 'state': state, 'status': status}
    if not detail:
        return body
    return {
        **body,
        'hypervisor_type': host.get('hypervisor') or 'QEMU',
        'hypervisor_version': host['capabilities'].get('hypervisor_version', 0),
        'host_ip': host['capabilities'].get('host_ip', ''),
        'service': {'id': _host_id(call, host['name']), 'host': host['name'], 'disabled_reason': host.get('disabled_reason')},
        'vcpus': host['vcpus'],
        'vcpus_used': host['used_vcpus'],
        'memory_mb': host['ram'],
        'memory_mb_used': host['used_ram'],
        'free_ram_mb': host['ram'] - host['used_ram'],
        'local_gb': host['disk'],
        'local_gb_used': host['used_disk'],
        'free_disk_gb': host['disk'] - host['used_disk'],
        'disk_available_least': host['disk'] - host['used_disk'],
        'current_workload': 0,
        'running_vms': host.get('claims', 0),
        'cpu_info': {'arch': host.get('architecture')} if minor(call) >= 28 else '{}',
    }


def list_hypervisors(call: Call) -> Reply:
    """All hypervisors, ids and names."""
    pattern = str(call.query.get('hypervisor_hostname_pattern') or '')
    found = [host for host in _hosts(call) if pattern in host['name']]
    if pattern and not found:
        raise NotFound(message=f"No hypervisor matching '{pattern[:64]}' could be found.")
    return Reply([_hypervisor(call, host, False) for host in found])


def list_hypervisors_detail(call: Call) -> Reply:
    """All hypervisors, whole."""
    return Reply([_hypervisor(call, host, True) for host in _hosts(call)])


def show_hypervisor(call: Call) -> dict[str, Any]:
    """One hypervisor."""
    for host in _hosts(call):
        if str(_host_id(call, host['name'])) == call.params['id']:
            return _hypervisor(call, host, True)
    raise NotFound(message=f"Hypervisor with ID '{call.params['id'][:64]}' could not be found.")


def show_uptime(call: Call) -> Reply:
    """How long a host runs, as it says itself. Raises InvalidInput for one that is down."""
    found = show_hypervisor(call)
    if found['state'] != 'up':
        raise InvalidInput(f'Host {found["service"]["host"]} is down and tells nothing.')
    uptime = call.service.host_client(found['service']['host']).uptime(call.ctx)
    told = {name: found[name] for name in ('id', 'hypervisor_hostname', 'state', 'status')}
    return Reply({'hypervisor': {**told, 'uptime': uptime}}, wrap=False)


def statistics(call: Call) -> Reply:
    """Sums over all hypervisors."""
    details = [_hypervisor(call, host, True) for host in _hosts(call)]
    names = (
        'vcpus', 'vcpus_used', 'memory_mb', 'memory_mb_used', 'free_ram_mb', 'local_gb', 'local_gb_used', 'free_disk_gb',
        'disk_available_least', 'current_workload', 'running_vms',
    )  # fmt: skip
    return Reply(
        {'hypervisor_statistics': {'count': len(details), **{name: sum(host[name] for host in details) for name in names}}}, wrap=False
    )


def _seen(host: dict[str, Any]) -> str | None:
    seen = host.get('seen_at')
    return datetime.datetime.fromtimestamp(seen, datetime.UTC).strftime('%Y-%m-%dT%H:%M:%S.%f') if seen else None


def _service(call: Call, host: dict[str, Any]) -> dict[str, Any]:
    state, status = _state(host)
    body = {
        'id': _host_id(call, host['name']),
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
    found = [_service(call, host) for host in _hosts(call)]
    for name in ('host', 'binary'):
        if call.query.get(name):
            found = [entry for entry in found if entry[name] == call.query[name]]
    return Reply(found)


def _set_service(call: Call, name: str, enabled: bool, reason: str | None) -> dict[str, Any]:
    call.service.scheduler.set_host(call.ctx, kind='server', name=name, values={'enabled': enabled, 'disabled_reason': reason})
    return next(_service(call, host) for host in _hosts(call) if host['name'] == name)


def enable(call: Call) -> Reply:
    """Let a host take servers (before 2.53)."""
    found = _set_service(call, call.body['host'], True, None)
    return Reply({'service': {name: found[name] for name in ('host', 'binary', 'status')}}, wrap=False)


def disable(call: Call) -> Reply:
    """Let a host take no servers (before 2.53)."""
    found = _set_service(call, call.body['host'], False, call.body.get('disabled_reason'))
    names = ('host', 'binary', 'status') + (('disabled_reason',) if call.body.get('disabled_reason') else ())
    return Reply({'service': {name: found[name] for name in names}}, wrap=False)


def update_service(call: Call) -> Reply:
    """Let a host take servers, or none."""
    name = next((host['name'] for host in _hosts(call) if _host_id(call, host['name']) == call.params['id']), None)
    if name is None:
        raise NotFound(message=f'Compute service {call.params["id"][:64]} could not be found.')
    if 'status' not in call.body:
        raise InvalidInput('Give a status: enabled or disabled.', field='status')
    if call.body.get('disabled_reason') and call.body['status'] == 'enabled':
        raise InvalidInput('disabled_reason goes with the status disabled.', field='disabled_reason')
    found = _set_service(call, name, call.body['status'] == 'enabled', call.body.get('disabled_reason'))
    return Reply({'service': found}, wrap=False)


def list_zones(call: Call) -> Reply:
    """Zones with hosts in them."""
    return Reply(
        {'availabilityZoneInfo': [{'zoneName': name, 'zoneState': {'available': up}, 'hosts': None} for name, up, _ in _zones(call)]},
        wrap=False,
    )


def list_zones_detail(call: Call) -> Reply:
    """Zones with their hosts."""
    found = []
    for name, up, hosts in _zones(call):
        shown = {
            host['name']: {'nova-compute': {'available': _state(host)[0] == 'up', 'active': True, 'updated_at': _seen(host)}}
            for host in hosts
        }
        found.append({'zoneName': name, 'zoneState': {'available': up}, 'hosts': shown})
    return Reply({'availabilityZoneInfo': found}, wrap=False)


def _zones(call: Call) -> list[tuple[str, bool, list[dict[str, Any]]]]:
    zones: dict[str, list[dict[str, Any]]] = {}
    for host in _hosts(call):
        zones.setdefault(host.get('zone') or 'nova', []).append(host)
    return [(name, any(_state(host) == ('up', 'enabled') for host in hosts), hosts) for name, hosts in sorted(zones.items())]


# -- others


def list_extensions(call: Call) -> Reply:
    """The fixed list of version 2.1: everything is part of the API itself."""
    return Reply({'extensions': []}, wrap=False)


def external_events(call: Call) -> Reply:
    """What happened elsewhere: the network service tells of changed addresses."""
    answered = []
    for event in call.body['events']:
        if event['name'] == 'network-changed':
            floating.refresh(call.service, call.ctx, event['server_uuid'])
        answered.append({**event, 'status': event.get('status') or 'completed', 'code': 200})
    return Reply({'events': answered}, wrap=False)


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


def list_aggregates(call: Call) -> Reply:
    """This cloud has none, and says so: clients ask before they show a hypervisor."""
    return Reply({'aggregates': []}, wrap=False)


HYPERVISORS = Resource(
    'hypervisors',
    'hypervisor',
    view=answers.HYPERVISOR,
    routes=[
        GET('/v2.1/{project}/os-aggregates', list_aggregates, policy='compute:hypervisors:list', listing=False, response=answers.AGGREGATES),
        GET('/v2.1/{project}/os-hypervisors', list_hypervisors, policy='compute:hypervisors:list',
            query={'hypervisor_hostname_pattern': Str(255), 'with_servers': Str(8)}),
        GET('/v2.1/{project}/os-hypervisors/detail', list_hypervisors_detail, policy='compute:hypervisors:list',
            query={'hypervisor_hostname_pattern': Str(255), 'with_servers': Str(8)}),
        GET('/v2.1/{project}/os-hypervisors/statistics', statistics, policy='compute:hypervisors:list', listing=False, response=answers.STATISTICS),
        GET('/v2.1/{project}/os-hypervisors/{id}/uptime', show_uptime, policy='compute:hypervisors:list', response=answers.UPTIME),
        GET('/v2.1/{project}/os-hypervisors/{id}', show_hypervisor, policy='compute:hypervisors:list', query={'with_servers': Str(8)}),
    ],
)  # fmt: skip
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
             body=Obj({'events': _EVENTS}, required=['events']), wrap=False),
    ],
)  # fmt: skip
RESOURCES = [HYPERVISORS, SERVICES, ZONES, OTHERS]
