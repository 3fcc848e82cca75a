"""Hypervisors: the hosts of servers, what they have and what of it is taken."""

from __future__ import annotations

import uuid
from typing import Any

from common.api import GET, Bool, Call, Reply, Resource, Str
from common.errors import InvalidInput, NotFound
from compute.api import answers
from compute.api.versions import minor
from compute.db import servers as queries

_NAMESPACE = uuid.UUID('6d1d3f0a-6f0e-5a0e-9d0c-7b1f2a3c4d5e')
_SUMS = (
    'vcpus', 'vcpus_used', 'memory_mb', 'memory_mb_used', 'free_ram_mb', 'local_gb', 'local_gb_used', 'free_disk_gb', 'disk_available_least',
    'current_workload', 'running_vms',
)  # fmt: skip


def hosts(call: Call) -> list[dict[str, Any]]:
    """All hosts of servers, by name, as the scheduler knows them."""
    return sorted(call.service.scheduler.hosts(call.ctx, kind='server'), key=lambda host: host['name'])


def host_id(call: Call, name: str) -> Any:
    """A host's id: a UUID from version 2.53 on, a number before."""
    made = uuid.uuid5(_NAMESPACE, name)
    return str(made) if minor(call) >= 53 else made.int % 2147483647


def state_of(host: dict[str, Any]) -> tuple[str, str]:
    """(up or down, enabled or disabled)."""
    return 'up' if host.get('up') else 'down', 'enabled' if host.get('enabled', True) else 'disabled'


def _brief(call: Call, host: dict[str, Any]) -> dict[str, Any]:
    state, status = state_of(host)
    return {'id': host_id(call, host['name']), 'hypervisor_hostname': host['name'], 'state': state, 'status': status}


def _whole(call: Call, host: dict[str, Any], servers: int) -> dict[str, Any]:
    """`servers`: how many are on the host."""
    return {
        **_brief(call, host),
        'hypervisor_type': host.get('hypervisor') or 'QEMU',
        'hypervisor_version': host['capabilities'].get('hypervisor_version', 0),
        'host_ip': host['capabilities'].get('host_ip', ''),
        'service': {'id': host_id(call, host['name']), 'host': host['name'], 'disabled_reason': host.get('disabled_reason')},
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
        'running_vms': servers,
        'cpu_info': {'arch': host.get('architecture')} if minor(call) >= 28 else '{}',
    }


def _shown(call: Call, found: list[dict[str, Any]], detail: bool, with_servers: bool = False) -> list[dict[str, Any]]:
    """Views of hosts, with the servers on them where the request asks for these."""
    named = with_servers or (minor(call) >= 53 and bool(call.query.get('with_servers')))
    with call.service.db.read() as session:
        counts = queries.number_on_hosts(session) if detail else {}
        servers = queries.names_on_hosts(session, [host['name'] for host in found]) if named else {}
    views = [_whole(call, host, counts.get(host['name'], 0)) if detail else _brief(call, host) for host in found]
    for view in views:
        on_it = servers.get(view['hypervisor_hostname'])
        if on_it:
            view['servers'] = [{'uuid': server_id, 'name': name} for server_id, name in on_it]
    return views


def _listed(call: Call, detail: bool) -> Reply:
    pattern = str(call.query.get('hypervisor_hostname_pattern') or '')
    page = call.paging('hypervisor_hostname:asc')
    found = [host for host in hosts(call) if pattern in host['name']]
    if pattern and not found:
        raise NotFound(message=f"No hypervisor matching '{pattern[:64]}' could be found.")
    asked = page.of(found, lambda host: str(host_id(call, host['name'])))
    return call.paged(_shown(call, asked, detail), page)


def list_hypervisors(call: Call) -> Reply:
    """All hypervisors, ids and names."""
    return _listed(call, detail=False)


def list_hypervisors_detail(call: Call) -> Reply:
    """All hypervisors, whole."""
    return _listed(call, detail=True)


def show_hypervisor(call: Call) -> dict[str, Any]:
    """One hypervisor."""
    for host in hosts(call):
        if str(host_id(call, host['name'])) == call.params['id']:
            return _shown(call, [host], detail=True)[0]
    raise NotFound(message=f"Hypervisor with ID '{call.params['id'][:64]}' could not be found.")


def _matching(call: Call) -> list[dict[str, Any]]:
    found = [host for host in hosts(call) if call.params['id'] in host['name']]
    if not found:
        raise NotFound(message=f"No hypervisor matching '{call.params['id'][:64]}' could be found.")
    return found


def search(call: Call) -> Reply:
    """Hypervisors by a part of their name (before 2.53)."""
    return Reply({'hypervisors': _shown(call, _matching(call), detail=False)}, wrap=False)


def search_with_servers(call: Call) -> Reply:
    """Hypervisors by a part of their name, with the servers on them (before 2.53)."""
    return Reply({'hypervisors': _shown(call, _matching(call), detail=False, with_servers=True)}, wrap=False)


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
    details = _shown(call, hosts(call), detail=True)
    sums = {name: sum(host[name] for host in details) for name in _SUMS}
    return Reply({'hypervisor_statistics': {'count': len(details), **sums}}, wrap=False)


def list_aggregates(call: Call) -> Reply:
    """This cloud has none, and says so: clients ask before they show a hypervisor."""
    return Reply({'aggregates': []}, wrap=False)


_LIST = {'hypervisor_hostname_pattern': Str(255), 'with_servers': Bool()}
HYPERVISORS = Resource(
    'hypervisors',
    'hypervisor',
    view=answers.HYPERVISOR,
    routes=[
        GET('/v2.1/{project}/os-aggregates', list_aggregates, policy='compute:hypervisors:list', listing=False, response=answers.AGGREGATES),
        GET('/v2.1/{project}/os-hypervisors', list_hypervisors, policy='compute:hypervisors:list', query=_LIST, paging=True),
        GET('/v2.1/{project}/os-hypervisors/detail', list_hypervisors_detail, policy='compute:hypervisors:list', query=_LIST, paging=True),
        GET('/v2.1/{project}/os-hypervisors/statistics', statistics, policy='compute:hypervisors:list', listing=False, response=answers.STATISTICS),
        GET('/v2.1/{project}/os-hypervisors/{id}/uptime', show_uptime, policy='compute:hypervisors:list', response=answers.UPTIME),
        GET('/v2.1/{project}/os-hypervisors/{id}/search', search, policy='compute:hypervisors:list', until='2.52', response=answers.HYPERVISORS),
        GET('/v2.1/{project}/os-hypervisors/{id}/servers', search_with_servers, policy='compute:hypervisors:list', until='2.52',
            response=answers.HYPERVISORS),
        GET('/v2.1/{project}/os-hypervisors/{id}', show_hypervisor, policy='compute:hypervisors:list', query={'with_servers': Bool()}),
    ],
)  # fmt: skip
RESOURCES = [HYPERVISORS]
