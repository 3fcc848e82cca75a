"""What `pileus doctor` looks at in the cloud itself."""

from __future__ import annotations

import dataclasses
import email.utils
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from common.clock import now
from common.config import EndpointOptions, MessagingOptions
from common.errors import PileusError, Unauthorized
from pileus import credentials, status
from pileus.apis import Apis, reason
from pileus.doctor import WARNING, Check, Finding, Site, Skip

_SKEW_SECONDS = 2.0
_CALLERS = {'compute': ('image', 'network', 'volume'), 'volume': ('image',), 'network': ()}
"""Which service calls which."""


def processes(site: Site) -> Iterator[Finding]:
    """Whether it runs, and all of it."""
    from pileus.daemons import Daemons

    daemons = Daemons(site.state)
    for name in daemons.entries():
        if not daemons.running(name):
            yield Finding(
                f'{name} was started and does not run any more.',
                f'See why: tail {site.state}/logs/{name}.log; then: pileus up --state {site.state}',
            )
    if not daemons.entries():
        yield Finding('The cloud does not run.', f'pileus up --state {site.state}', WARNING)


def databases(site: Site) -> Iterator[Finding]:
    """Whether they answer, and are of this release."""
    from common.db import migrate

    for name, parts in site.runtime.parts.items():
        if parts.db is None:
            continue
        try:
            parts.db.ping()
            wrong = migrate.check(parts.db, parts.migrations)
        except PileusError as error:
            yield Finding(
                f'The database of {name} does not answer: {error.admin_detail or error.message}',
                'Start the database server, or see [database] url_template',
            )
            continue
        for problem in wrong:
            yield Finding(problem, f'{name}-manage --state {site.state} db sync')


def broker(site: Site) -> Iterator[Finding]:
    """Whether messages flow, and which were given up."""
    url = site.settings.get(MessagingOptions).url
    if url.startswith('pileus-memory:'):
        raise Skip('messages stay within the process')
    letters = site.runtime.broker.dead_letters()
    try:
        count = letters.count()
    except PileusError as error:
        yield Finding(
            f'The message broker does not answer: {error.admin_detail}',
            f'Start it: pileus up --state {site.state}, or: rabbitmq-server -detached. Work is delayed meanwhile, not lost.',
        )
        return
    if count:
        found = letters.list(1)
        shown = f', for example {found[0].method} for {found[0].queue} ({found[0].reason})' if found else ''
        yield Finding(
            f'{count} messages were given up{shown}.',
            f'Look at them: pileus messages --state {site.state}; forget them: pileus messages --purge',
            WARNING,
        )


def apis(site: Site) -> Iterator[Finding]:
    """Whether each API answers and is well, and its clock agrees with ours."""
    site.need_running()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    services = site.runtime.options.services
    for name, url in dataclasses.asdict(site.settings.get(EndpointOptions)).items():  # type: ignore[call-overload]
        if services and name not in services:
            continue
        try:
            with opener.open(f'{url}/healthcheck?detail', timeout=5) as answer:
                date = answer.headers.get('Date')
                body: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            date, body = error.headers.get('Date'), json.load(error)
        except (OSError, ValueError) as error:
            yield Finding(
                f'The {name} API at {url} does not answer: {error}',
                f'See why: tail {site.state}/logs/{name}*.log; then: pileus up --state {site.state}',
            )
            continue
        for check, found in body['checks'].items():
            if not found['healthy']:
                yield Finding(f'{name} is not well: {check}', f'grep "health check {check}" {site.state}/logs/*.log | tail -1')
        skew = abs(email.utils.parsedate_to_datetime(date).timestamp() - time.time()) if date else 0.0
        if skew > _SKEW_SECONDS + 1.0:
            yield Finding(
                f'The clock of {name} differs from ours by {skew:.0f} s.',
                'Run a time service on every host: apt-get install chrony',
                WARNING,
            )


def reachability(site: Site) -> Iterator[Finding]:
    """Whether the services can sign in and call each other."""
    site.need_running()
    runtime = site.runtime
    from common.rest import HttpTransport, RestClient
    from common.rest.client import ServiceToken

    transport = HttpTransport()
    for caller, callees in _CALLERS.items():
        token = ServiceToken(transport, runtime.endpoints.identity, caller, runtime.service_password(), 'service')
        try:
            token.get()
        except Unauthorized:
            yield Finding(f'The service user {caller} cannot sign in.', f'pileus down --state {site.state}; pileus up --state {site.state}')
            continue
        for callee in callees:
            try:
                RestClient(transport, getattr(runtime.endpoints, callee), token, callee).get('/', timeout=5.0)
            except PileusError as error:
                yield Finding(
                    f'{caller} cannot call {callee}: {reason(error.admin_detail or error.message)}', f'tail {site.state}/logs/{callee}*.log'
                )


def hosts(site: Site) -> Iterator[Finding]:
    """Workers and agents that have fallen silent."""
    site.need_running()
    arguments, region = credentials.find(site.state)
    found, problem = status.hosts_of(Apis(credentials.session(arguments), region))
    if problem:
        yield Finding(f'The hosts cannot be asked for: {problem}', 'Repair the APIs first.')
    for kind, host, _, state, enabled in found:
        if state != 'up':
            yield Finding(
                f'{kind} on {host} is down.',
                f'Start it again on {host}: pileus up, or: systemctl restart pileus',
                'problem' if enabled else WARNING,
            )


def operations(site: Site) -> Iterator[Finding]:
    """Work that does not come to an end by itself."""
    for name, parts in site.runtime.parts.items():
        ops = getattr(parts.service, 'ops', None)
        if ops is None or parts.db is None:
            continue
        with parts.db.read() as session:
            found = [record for record in ops.attention(session) if record.is_live]
        for record in found[:20]:
            age = (now() - record.created_at).total_seconds()
            why = (record.fault or {}).get('message') or 'no reason is recorded'
            yield Finding(
                f'{name}: {record.kind} of {record.resource_type} {record.resource_id} has been at it for {age / 60:.0f} minutes: {why}',
                f'pileus timeline {record.resource_id} --state {site.state}',
            )
        for kind, version in ops.unknown():
            yield Finding(
                f'{name}: there is work of kind {kind} version {version}, which this release does not know.',
                'Install the newer release again and let it end.',
            )


CHECKS: dict[str, Check] = {
    'processes': processes,
    'databases': databases,
    'broker': broker,
    'apis': apis,
    'reachability': reachability,
    'hosts': hosts,
    'operations': operations,
}
