"""Hosts with a volume worker, their pools and their availability zones."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api import GET, PUT, Bool, Call, Obj, Reply, Resource, Str
from common.errors import NotFound
from common.policy import ADMIN, READER, Rule
from volume import hosts
from volume.api import answers
from volume.db.models import VolumeHost

RULES = [Rule('volume:services:list', ADMIN, 'List workers'), Rule('volume:services:update', ADMIN, 'Enable and disable workers')]
POOL_RULE = Rule('volume:pools:list', ADMIN, 'List pools of volumes with their sizes')
ZONE_RULE = Rule('volume:availability_zones:list', READER, 'List availability zones')


def view(call: Call, host: VolumeHost) -> dict[str, Any]:
    """A worker as clients see it."""
    return {
        'binary': 'cinder-volume',
        'host': f'{host.name}@{call.service.options.pool}',
        'zone': host.availability_zone,
        'status': 'enabled' if host.enabled else 'disabled',
        'state': 'up' if hosts.is_up(call.service, host) else 'down',
        'updated_at': clock.iso(host.seen_at, micro=True, zulu=False),
        'disabled_reason': host.disabled_reason,
    }


def list_services(call: Call) -> Reply:
    """All workers, or those of a host."""
    found = [view(call, host) for host in hosts.list_hosts(call.service)]
    host, binary = call.query.get('host'), call.query.get('binary')
    if host:
        found = [entry for entry in found if host in (entry['host'], entry['host'].partition('@')[0])]
    return Reply([entry for entry in found if not binary or entry['binary'] == binary])


def _set(call: Call, enabled: bool, reason: str | None) -> Reply:
    name = call.body['host'].partition('@')[0]
    host = hosts.set_enabled(call.service, name, enabled, reason)
    if host is None:
        raise NotFound('volume host', name)
    status = 'enabled' if enabled else 'disabled'
    return Reply(
        {'host': call.body['host'], 'service': 'cinder-volume', 'binary': 'cinder-volume', 'status': status, 'disabled_reason': reason},
        wrap=False,
    )


def enable(call: Call) -> Reply:
    """Let a host take new volumes."""
    return _set(call, True, None)


def disable(call: Call) -> Reply:
    """Let a host take no new volumes."""
    return _set(call, False, call.body.get('disabled_reason'))


def list_pools(call: Call) -> Reply:
    """The pools of all hosts: with `detail` their sizes in GiB, too."""
    return Reply({'pools': [_pool(call, host) for host in hosts.list_hosts(call.service)]}, wrap=False)


def _pool(call: Call, host: VolumeHost) -> dict[str, Any]:
    pool = call.service.options.pool
    shown: dict[str, Any] = {'name': hosts.pool_name(call.service, host.name)}
    if call.query.get('detail'):
        shown['capabilities'] = {
            'volume_backend_name': pool,
            'pool_name': pool,
            'storage_protocol': 'iSCSI',
            'vendor_name': 'Pileus',
            'total_capacity_gb': host.total_gib,
            'free_capacity_gb': host.free_gib,
            'allocated_capacity_gb': host.provisioned_gib,
            'provisioned_capacity_gb': host.provisioned_gib,
            'reserved_percentage': 0,
            'thin_provisioning_support': True,
            'multiattach': False,
            'QoS_support': False,
            'backend_state': 'up' if hosts.is_up(call.service, host) else 'down',
            'timestamp': clock.iso(host.seen_at, micro=True, zulu=False),
        }
    return shown


def list_zones(call: Call) -> Reply:
    """Zones in which a host is."""
    found: dict[str, bool] = {}
    for host in hosts.list_hosts(call.service):
        found[host.availability_zone] = found.get(host.availability_zone, False) or (host.enabled and hosts.is_up(call.service, host))
    zones = [{'zoneName': name, 'zoneState': {'available': up}} for name, up in sorted(found.items())]
    return Reply({'availabilityZoneInfo': zones}, wrap=False)


_BODY = Obj({'host': Str(255, min=1), 'binary': Str(255), 'disabled_reason': Str(255) | None}, required=['host'], extra='allow')
_QUERY = {'host': Str(255), 'binary': Str(255)}
SERVICES = Resource(
    'services',
    'service',
    view=answers.SERVICE,
    rules=RULES,
    routes=[
        GET('/v3/{project}/os-services', list_services, policy='volume:services:list', query=_QUERY, paging=False),
        PUT('/v3/{project}/os-services/enable', enable, policy='volume:services:update', body=_BODY, wrap=False),
        PUT('/v3/{project}/os-services/disable', disable, policy='volume:services:update', body=_BODY, wrap=False),
        PUT('/v3/{project}/os-services/disable-log-reason', disable, policy='volume:services:update', body=_BODY, wrap=False),
    ],
)
ZONES = Resource(
    'availability_zones',
    rules=[ZONE_RULE],
    routes=[GET('/v3/{project}/os-availability-zone', list_zones, policy=ZONE_RULE, listing=False, response=answers.ZONES)],
)
POOLS = Resource(
    'pools',
    rules=[POOL_RULE],
    routes=[
        GET(
            '/v3/{project}/scheduler-stats/get_pools',
            list_pools,
            policy=POOL_RULE,
            query={'detail': Bool()},
            listing=False,
            response=answers.POOLS,
        )
    ],
)
