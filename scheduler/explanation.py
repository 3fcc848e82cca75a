"""Why a decision came out as it did: counts per dimension with numbers, in words of at most 255 characters.

No valid host: 12 hosts: 7 lack memory (want 8192 MiB, best 6144), 3 disabled, 2 other zone; would fit with 6144 MiB of memory
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scheduler.filters import Filter, Refused
from scheduler.host import Host
from scheduler.request import Request

LIMIT = 255
SAMPLE = 20
"""Hosts of which the record of a refusal keeps the name and the verdict."""
AMOUNTS = {'vcpus': ('vCPUs', ''), 'ram': ('memory', ' MiB'), 'disk': ('disk', ' GiB')}
WORDS = {
    'other_host': 'not the host asked for',
    'disabled': 'disabled',
    'down': 'down',
    'tried': 'refused it before',
    'zone': 'other zone',
    'architecture': 'other architecture',
    'hypervisor': 'other hypervisor',
    'trait': 'trait does not match',
    'extra_spec': 'extra spec does not match',
    'different_host': 'hold a server to keep away from',
    'same_host': 'hold no server to stay with',
    'affinity': 'hold no member of the group',
    'anti_affinity': 'hold a member of the group',
}


class Tally:
    """Counts refusals while hosts are looked at."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.wanted: dict[str, Any] = {}
        self.best: dict[str, int] = {}
        self.sample: list[tuple[str, Refused]] = []
        self.fitting = 0

    def refuse(self, host: Host, refused: Refused) -> None:
        """One host refused."""
        dimension = refused.dimension
        if dimension not in self.counts:
            self.counts[dimension] = 0
            self.wanted[dimension] = refused.wanted
        self.counts[dimension] += 1
        if dimension in AMOUNTS and refused.had > self.best.get(dimension, -1):
            self.best[dimension] = refused.had
        if len(self.sample) < SAMPLE:
            self.sample.append((host.name, refused))

    @property
    def considered(self) -> int:
        """How many hosts were looked at."""
        return self.fitting + sum(self.counts.values())

    def to_dict(self) -> dict[str, Any]:
        """For `details`, the record and `explain`."""
        refusals = []
        for dimension, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0])):
            one: dict[str, Any] = {'dimension': dimension, 'count': count}
            if self.wanted[dimension] is not None:
                one['wanted'] = self.wanted[dimension]
            if dimension in AMOUNTS:
                one |= {'best': self.best[dimension], 'unit': AMOUNTS[dimension][1].strip() or 'vCPUs'}
            refusals.append(one)
        return {'hosts': self.considered, 'fitting': self.fitting, 'refusals': refusals}

    def sampled(self) -> list[dict[str, Any]]:
        """Hosts with their verdicts, for the administrator."""
        return [{'host': name, **refused._asdict()} for name, refused in self.sample]


def nearest_fit(hosts: Sequence[Host], request: Request, filters: Sequence[Filter]) -> dict[str, Any] | None:
    """The least that would have to change: the host that only one amount keeps from fitting, with the smallest lack."""
    best: tuple[float, str, int] | None = None
    for host in hosts:
        refusals: list[Refused] = []
        for one in filters:
            verdict = one.check(host, request)
            if verdict is not None:
                refusals.append(verdict)
                if len(refusals) > 1 or verdict.dimension not in AMOUNTS:
                    break
        if len(refusals) != 1 or refusals[0].dimension not in AMOUNTS or refusals[0].had <= 0:
            continue
        lack = 1 - refusals[0].had / refusals[0].wanted
        if best is None or lack < best[0]:
            best = (lack, refusals[0].dimension, refusals[0].had)
    return None if best is None else {'dimension': best[1], 'value': best[2]}


def sentence(kind: str, explanation: dict[str, Any]) -> str:
    """The explanation of a refusal for the user."""
    number = explanation['hosts']
    if not number:
        return f'No valid host: there is no host for a {kind}.'
    head = f'No valid host: {number} host{"s" if number != 1 else ""}: '
    parts = [_part(refusal) for refusal in explanation['refusals']]
    tail = _nearest(explanation.get('nearest'))
    for shown in range(len(parts), 0, -1):
        rest = sum(refusal['count'] for refusal in explanation['refusals'][shown:])
        text = head + ', '.join([*parts[:shown], *([f'{rest} for other reasons'] if rest else [])])
        for ending in (tail, ''):
            if len(text) + len(ending) <= LIMIT:
                return text + ending
    return head[:-2]


def of_host(refused: Refused) -> str:
    """Why one host refused, for administrators."""
    if refused.dimension in AMOUNTS:
        name, unit = AMOUNTS[refused.dimension]
        return f'lacks {name} (want {refused.wanted}{unit}, has {refused.had})'
    word = WORDS.get(refused.dimension, refused.dimension)
    return word if refused.wanted is None else f'{word} (want {refused.wanted}, has {refused.had})'


def _part(refusal: dict[str, Any]) -> str:
    dimension, count = refusal['dimension'], refusal['count']
    if dimension in AMOUNTS:
        name, unit = AMOUNTS[dimension]
        verb = 'lacks' if count == 1 else 'lack'
        return f'{count} {verb} {name} (want {refusal["wanted"]}{unit}, best {refusal["best"]})'
    return f'{count} {WORDS.get(dimension, dimension)}'


def _nearest(nearest: dict[str, Any] | None) -> str:
    if nearest is None:
        return ''
    name, unit = AMOUNTS[nearest['dimension']]
    return f'; would fit with {nearest["value"]}{unit} of {name}' if unit else f'; would fit with {nearest["value"]} {name}'
