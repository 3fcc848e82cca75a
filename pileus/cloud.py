"""A whole cloud in one process, and what has to be done once for any cloud."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from common.config import EndpointOptions, ServiceOptions, Settings
from common.ids import new_id
from common.runtime import SERVICES, Runtime
from pileus import settings as state_files

if TYPE_CHECKING:
    from identity.bootstrap import BootstrapPlan

# (type, name, endpoint option, path behind the endpoint)
CATALOG = (
    ('identity', 'keystone', 'identity', '/v3'),
    ('compute', 'nova', 'compute', '/v2.1'),
    ('image', 'glance', 'image', ''),
    ('volumev3', 'cinderv3', 'volume', '/v3/$(project_id)s'),
    ('block-storage', 'cinder', 'volume', '/v3/$(project_id)s'),
    ('network', 'neutron', 'network', ''),
    ('pileus-scheduler', 'scheduler', 'scheduler', ''),
)
SERVICE_USERS = ('compute', 'image', 'volume', 'network', 'metadata', 'scheduler')


def plan(settings: Settings, state: pathlib.Path) -> BootstrapPlan:
    """What identity has to know from the start."""
    from identity.bootstrap import BootstrapPlan, ServicePlan, UserPlan

    endpoints = settings.get(EndpointOptions)
    services = [ServicePlan(type=kind, name=name, url=getattr(endpoints, option) + path) for kind, name, option, path in CATALOG]
    return BootstrapPlan(
        admin_password=state_files.secret(state, 'admin-password'),
        region=settings.get(ServiceOptions).region,
        services=services,
        service_users=SERVICE_USERS,
        service_password=state_files.secret(state, 'service-password'),
        users=[UserPlan('demo', state_files.secret(state, 'demo-password'), 'demo')],
    )


def prepare(runtime: Runtime) -> None:
    """Bring databases up to date, then make the first users, roles and the catalog; what is there stays."""
    from common.db import migrate
    from identity.bootstrap import HashesAhead
    from identity.bootstrap import bootstrap as make

    identity = runtime.parts.get('identity')
    if identity is None or identity.db is None:
        runtime.prepare()
        return
    planned = plan(runtime.settings, runtime.state)
    with contextlib.ExitStack() as stack:
        fresh = migrate.version(identity.db) is None
        ahead = stack.enter_context(HashesAhead(identity.service.hasher, planned)) if fresh else None
        runtime.prepare()
        make(identity.service, planned, ahead)


def embedded(settings: Settings, services: Iterable[str] = SERVICES) -> Runtime:
    """A cloud in this process, built and prepared; `start` makes it run."""
    runtime = Runtime(settings, embedded=True)
    runtime.build(services)
    prepare(runtime)
    return runtime


def simulated_overrides(state: pathlib.Path, ports: dict[str, int], **groups: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings of a simulated cloud on these ports of loopback."""
    values: dict[str, dict[str, Any]] = {
        'service': {'state_dir': str(state), 'host': 'sim'},
        'endpoints': {name: f'http://127.0.0.1:{port}' for name, port in ports.items()},
        'messaging': {'url': f'pileus-memory://{state.name}.{new_id()}'},  # shared with no other cloud of this process
        'identity': {'password_hash_rounds': 4},
        'compute': {'driver': 'simulated'},
        'volume': {'pool': 'simulated', 'target': 'simulated'},
        'network': {'driver': 'simulated'},
    }
    for name, options in groups.items():
        values.setdefault(name, {}).update(options)
    return values
