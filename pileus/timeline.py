"""The events of one request, or of one server, volume, port or image, from all services, in order."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import re
from typing import Any

from common.errors import NotFound, PileusError
from pileus.apis import Apis

_REQUEST = re.compile(r'req-[0-9a-fA-F-]{36}\Z')
_MOST_REQUESTS = 100
_IDENTITY = ('type', 'service', 'at', 'request_id', 'operation', 'step', 'direction', 'event', 'method', 'path')


@dataclasses.dataclass(frozen=True)
class Timeline:
    """Events, oldest first, and the services that could not be asked, with their errors."""

    events: list[dict[str, Any]]
    silent: dict[str, PileusError]

    @property
    def begin(self) -> datetime.datetime | None:
        """When the first event was."""
        return at(self.events[0]) if self.events else None


def at(event: dict[str, Any]) -> datetime.datetime:
    """The time of an event."""
    return datetime.datetime.fromisoformat(event['at'].replace('Z', '+00:00'))


def gather(apis: Apis, what: str) -> Timeline:
    """All that is known of a request id, or of the thing with this id or name.

    A thing's events name the requests that touched it; those requests are then followed through every service. Raises
    NotFound when nobody knows it.
    """
    resource = None if _REQUEST.match(what) else resolve(apis, what)
    answers = apis.each(
        lambda service: _ask(apis, service, 'request', what) if resource is None else _ask(apis, service, 'resource', resource)
    )
    found = _merge(answers)
    silent = {service: answer for service, answer in answers.items() if isinstance(answer, PileusError)}
    asked = {what}
    for _ in range(2):  # a request of ours may carry the id of a longer chain
        chains = sorted({event['global_request_id'] for event in found if event.get('global_request_id')} - asked)[:_MOST_REQUESTS]
        if not chains:
            break
        asked |= set(chains)
        found = _follow(apis, chains, found)
    if not found:
        if silent:
            raise next(iter(silent.values()))
        raise NotFound(message=f'Nothing is known of {what}: give the id of a request (req-...), or the id or name of a server.')
    return Timeline(_sorted(found), silent)


def resolve(apis: Apis, what: str) -> str:
    """The id behind the name of a server; whatever is no name of one is taken as an id."""
    from urllib.parse import quote

    if re.match(r'[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}\Z|[0-9a-f]{32}\Z', what) or 'compute' not in apis.services:
        return what
    query = f'/servers?name={quote(what)}'
    for extra in ('&all_tenants=1', ''):
        try:
            servers = [server for server in apis.get('compute', query + extra)['servers'] if server['name'] == what]
        except PileusError:
            continue
        if len(servers) > 1:
            raise NotFound(
                message=f'{len(servers)} servers are named {what}; give the id of one: {", ".join(s["id"] for s in servers[:5])}'
            )
        if servers:
            return str(servers[0]['id'])
    return what


def _ask(apis: Apis, service: str, key: str, value: str) -> list[dict[str, Any]]:
    try:
        return list(apis.get(service, f'/pileus/events?{key}={value}&limit=5000', below_root=True)['events'])
    except NotFound:
        return []  # a service without events


def _follow(apis: Apis, chains: list[str], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    pairs = [(service, chain) for chain in chains for service in apis.services]

    def one(pair: tuple[str, str]) -> list[dict[str, Any]]:
        try:
            return _ask(apis, pair[0], 'request', pair[1])
        except PileusError:
            return []  # said already: the service was asked before

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return _merge({'known': found, **{f'{n}': events for n, events in enumerate(pool.map(one, pairs))}})


def _merge(answers: dict[str, Any]) -> list[dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for answer in answers.values():
        if not isinstance(answer, PileusError):
            for event in answer:
                found.setdefault(tuple(event.get(name) for name in _IDENTITY), event)
    return list(found.values())


def _sorted(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    # Where clocks agree to the microsecond, a request comes before what it caused, and a start before its end.
    rank = {'request': 0, 'decision': 1, 'step': 2}
    return sorted(events, key=lambda event: (event['at'], rank.get(event['type'], 3), event.get('event') != 'started'))


def words(event: dict[str, Any]) -> str:
    """What happened, in a few words."""
    if event['type'] == 'request':
        return f'{event["method"]} {event["path"]} -> {event["status"]}'
    if event['type'] == 'decision':
        return f'{event["kind"]}: {event.get("message") or event["event"]}'
    step = event.get('step') or ''
    undo = 'undo ' if event.get('direction') == 'undo' else ''
    text = f'{event["kind"]} {undo}{step} {event["event"]}'.replace('  ', ' ')
    detail = (event.get('admin_detail') or '').strip().rpartition('\n')[2].strip()  # of a traceback, what it ends with
    details = ' '.join(filter(None, [event.get('message'), f'({detail})' if detail else '']))
    return f'{text}: {details}' if details else text
