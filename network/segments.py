"""Segments: which kind of network, on what, with which number.

Each segment has one key (`vxlan:1001`, `vlan:physnet1:100`, `flat:public`), unique in the table of networks; who comes second
with a random key tries another.
"""

from __future__ import annotations

import dataclasses
import random
from typing import TYPE_CHECKING, Any

from common.config import ConfigError
from common.errors import Conflict, InvalidInput
from network.db import networks as queries

if TYPE_CHECKING:
    from network.conf import NetworkOptions
    from network.work import Work

VXLAN, VLAN, FLAT, LOCAL = 'vxlan', 'vlan', 'flat', 'local'
KINDS = (VXLAN, VLAN, FLAT, LOCAL)
_OVERHEAD = {4: 50, 6: 70}
_TRIES = 8
_MAX_VNI, _MAX_VLAN = 2**24 - 1, 4094


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """A kind of network, where it is and its number."""

    kind: str
    physical: str | None = None
    number: int | None = None

    @property
    def key(self) -> str | None:
        """What no two networks share; None for local networks, of which every host has its own."""
        if self.kind == LOCAL:
            return None
        return ':'.join(str(part) for part in (self.kind, self.physical, self.number) if part is not None)


Range = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Segments:
    """What the operator lets networks be made of."""

    kinds: tuple[str, ...]
    vxlan: tuple[Range, ...]
    vlan: dict[str, tuple[Range, ...]]
    flat: frozenset[str]
    mtus: dict[str, int]

    @classmethod
    def of(cls, options: NetworkOptions) -> Segments:
        """From the options. Raises ConfigError for a kind or range that cannot be."""
        for kind in options.network_types:
            if kind not in KINDS:
                raise ConfigError(f'[network] network_types: there are {", ".join(KINDS)}, not {kind!r}.')
        vlan: dict[str, tuple[Range, ...]] = {}
        for text in options.vlan_ranges:
            name, _, bounds = text.partition(':')
            vlan[name] = (*vlan.get(name, ()), *([_range(bounds, 'vlan_ranges', _MAX_VLAN)] if bounds else []))
        return cls(
            tuple(options.network_types),
            tuple(_range(text, 'vxlan_ranges', _MAX_VNI) for text in options.vxlan_ranges),
            vlan,
            frozenset(options.flat_networks),
            {kind: options.mtu - (_OVERHEAD[6 if options.tunnel_version == 6 else 4] if kind == VXLAN else 0) for kind in KINDS},
        )

    def mtu(self, kind: str) -> int:
        """The largest packet of such a network."""
        return self.mtus[kind]


def _range(text: str, option: str, largest: int) -> Range:
    first, _, last = text.partition(':')
    if not (first.isdigit() and (last or first).isdigit()) or not 1 <= int(first) <= int(last or first) <= largest:
        raise ConfigError(f'[network] {option}: {text!r} is no range FIRST:LAST within 1:{largest}.')
    return int(first), int(last or first)


def choose(work: Work, body: dict[str, Any]) -> Segment:
    """The segment of a new network: as the administrator says, or any free one. Raises InvalidInput, Conflict."""
    kind = body.get('provider:network_type')
    physical, number = body.get('provider:physical_network'), body.get('provider:segmentation_id')
    if kind is None:
        if physical is not None or number is not None:
            raise InvalidInput('provider:network_type must be given with the other provider fields.', code='invalid_value')
        return _any_free(work)
    segments = work.service.segments
    if kind not in segments.kinds:
        raise InvalidInput(f'Networks of type {kind} are not offered here; offered: {", ".join(segments.kinds)}.', code='invalid_value')
    return _CHECKS[kind](work, physical, number)


def _refuse(kind: str, what: str) -> InvalidInput:
    return InvalidInput(f'{what} for networks of type {kind}.', code='invalid_value')


def _check_vxlan(work: Work, physical: str | None, number: int | None) -> Segment:
    if physical is not None:
        raise _refuse(VXLAN, 'provider:physical_network cannot be given')
    if number is None:
        return _free_vxlan(work) or _exhausted()
    if not 1 <= number <= _MAX_VNI:
        raise _refuse(VXLAN, f'provider:segmentation_id must be from 1 to {_MAX_VNI}')
    return _unused(work, Segment(VXLAN, None, number), f'The VXLAN identifier {number} is in use.', 'tunnel_id_in_use')


def _check_vlan(work: Work, physical: str | None, number: int | None) -> Segment:
    known = work.service.segments.vlan
    if physical is not None and physical not in known:
        raise InvalidInput(
            f'Unknown physical network {physical} for VLAN networks; known: {", ".join(known) or "none"}.', code='invalid_value'
        )
    if number is None:
        return _free_vlan(work, physical) or _exhausted()
    if physical is None:
        raise _refuse(VLAN, 'provider:physical_network must be given with provider:segmentation_id')
    if not 1 <= number <= _MAX_VLAN:
        raise _refuse(VLAN, f'provider:segmentation_id must be from 1 to {_MAX_VLAN}')
    return _unused(work, Segment(VLAN, physical, number), f'The VLAN {number} on physical network {physical} is in use.', 'vlan_id_in_use')


def _check_flat(work: Work, physical: str | None, number: int | None) -> Segment:
    allowed = work.service.segments.flat
    if number is not None:
        raise _refuse(FLAT, 'provider:segmentation_id cannot be given')
    if not physical:
        raise _refuse(FLAT, 'provider:physical_network must be given')
    if '*' not in allowed and physical not in allowed:
        raise InvalidInput(f'Unknown physical network {physical} for flat networks.', code='invalid_value')
    return _unused(work, Segment(FLAT, physical), f'Physical network {physical} is in use by another flat network.', 'flat_network_in_use')


def _check_local(work: Work, physical: str | None, number: int | None) -> Segment:
    if physical is not None or number is not None:
        raise _refuse(LOCAL, 'provider:physical_network and provider:segmentation_id cannot be given')
    return Segment(LOCAL)


_CHECKS = {VXLAN: _check_vxlan, VLAN: _check_vlan, FLAT: _check_flat, LOCAL: _check_local}


def _unused(work: Work, segment: Segment, message: str, code: str) -> Segment:
    if queries.used_keys(work.session, [str(segment.key)]):
        raise Conflict(message, code=code)
    return segment


def _exhausted() -> Segment:
    raise Conflict('Unable to create the network. No tenant network is available for allocation.', code='no_network_available')


def _any_free(work: Work) -> Segment:
    for kind in work.service.segments.kinds:
        if kind == LOCAL:
            return Segment(LOCAL)
        found = _free_vxlan(work) if kind == VXLAN else _free_vlan(work, None) if kind == VLAN else None
        if found is not None:
            return found
    return _exhausted()


def _free_vxlan(work: Work) -> Segment | None:
    return _free(work, VXLAN, None, work.service.segments.vxlan)


def _free_vlan(work: Work, physical: str | None) -> Segment | None:
    for name, ranges in work.service.segments.vlan.items():
        if physical in (None, name) and ranges:
            found = _free(work, VLAN, name, ranges)
            if found is not None:
                return found
    return None


def _free(work: Work, kind: str, physical: str | None, ranges: tuple[Range, ...]) -> Segment | None:
    """A random free number: so two requests at once hardly ever want the same. Where nearly all are taken, one of the rest."""
    if not ranges:
        return None
    sizes = [last - first + 1 for first, last in ranges]
    drawn = {Segment(kind, physical, random.randint(*bounds)) for bounds in random.choices(ranges, sizes, k=_TRIES)}
    used = queries.used_keys(work.session, [str(segment.key) for segment in drawn])
    for segment in drawn:
        if segment.key not in used:
            return segment
    taken = queries.used_numbers(work.session, kind, physical)
    rest = [number for first, last in ranges for number in range(first, last + 1) if number not in taken]
    return Segment(kind, physical, random.choice(rest)) if rest else None
