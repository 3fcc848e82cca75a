"""Why a server or volume is where it is, or nowhere: the scheduler's decisions, and the fault in the service's own words."""

from __future__ import annotations

import dataclasses
from typing import Any

from common.errors import NotFound, PileusError
from pileus.apis import Apis
from pileus.timeline import resolve


@dataclasses.dataclass(frozen=True)
class Explanation:
    """`thing`: the server as compute shows it, None when it is gone. `decisions`: newest first, as events of the timeline."""

    id: str
    thing: dict[str, Any] | None
    decisions: list[dict[str, Any]]

    @property
    def fault(self) -> str | None:
        """Why it failed, in words for its user."""
        return (self.thing or {}).get('fault', {}).get('message')


def explain(apis: Apis, what: str) -> Explanation:
    """What is known about the place of a server or volume. Raises NotFound when nothing is."""
    identifier = resolve(apis, what)
    events = apis.get('scheduler', f'/pileus/events?resource={identifier}', below_root=True)['events']
    decisions = sorted((event for event in events if event['type'] == 'decision'), key=lambda event: event['at'], reverse=True)
    thing = _thing(apis, identifier)
    if not decisions and thing is None:
        raise NotFound(message=f'Nothing is known of {what}: give the id or name of a server, or the id of a volume.')
    return Explanation(identifier, thing, decisions)


def _thing(apis: Apis, identifier: str) -> dict[str, Any] | None:
    for service, path, member in (('compute', f'/servers/{identifier}', 'server'), ('volume', f'/volumes/{identifier}', 'volume')):
        try:
            return dict(apis.get(service, path)[member])
        except PileusError:
            continue
    return None


_WORDS = {'done': 'A host was found.', 'refused': 'No host was found.'}


def lines(explanation: Explanation) -> list[str]:
    """The explanation as text."""
    thing = explanation.thing
    out = [f'{explanation.id}: ' + (f'{thing.get("name") or "unnamed"} is {thing["status"]}' if thing else 'it is gone')]
    if thing and thing.get('OS-EXT-SRV-ATTR:host'):
        out.append(f'on host {thing["OS-EXT-SRV-ATTR:host"]}')
    if explanation.fault:
        out.append(f'fault: {explanation.fault}')
    for decision in explanation.decisions:
        took = f' in {decision["duration"] * 1000:.1f} ms' if decision.get('duration') is not None else ''
        out += [
            '',
            f'{decision["at"]} ({decision["request_id"]}){took}',
            f'  {decision.get("message") or _WORDS.get(decision["event"], decision["event"])}',
        ]
        out += [f'  {line}' for line in _details(decision.get('explanation') or {})]
    return out


def _details(found: dict[str, Any]) -> list[str]:
    out = []
    if 'hosts' in found:
        out.append(f'{found["hosts"]} hosts were looked at, {found.get("fitting", 0)} of them fit')
    for refusal in found.get('refusals', ()):
        amounts = ''
        if 'wanted' in refusal:
            amounts = f': wanted {refusal["wanted"]}' + (
                f', best {refusal["best"]} {refusal.get("unit", "")}'.rstrip() if 'best' in refusal else ''
            )
        out.append(f'{refusal["count"]} refused by {refusal["dimension"]}{amounts}')
    out += [
        f'  {one["host"]}: {one["dimension"]}' + (f' (wanted {one["wanted"]}, had {one["had"]})' if one.get('wanted') is not None else '')
        for one in found.get('sample', ())
    ]
    return out
