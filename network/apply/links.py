"""Devices of a namespace: bridges, taps, VXLAN devices, veth ends; wanted against present, as lines for `ip -batch`.

`ip -json` and one `ip -batch` process are several times quicker than a netlink library in Python and need nothing
installed, so they are what is used here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common.privileged import CommandFailed
from network.apply import names
from network.apply.host import Host


@dataclasses.dataclass(frozen=True, slots=True)
class Link:
    """A device as it is. `kind`: bridge, tun, vxlan, veth, vlan, ... or '' (hardware)."""

    name: str
    index: int
    kind: str
    mtu: int
    mac: str
    up: bool
    master: str | None
    data: Mapping[str, Any]
    addresses: tuple[str, ...] = ()  # with prefix length, scope global only

    @property
    def is_tap(self) -> bool:
        """Whether it is a persistent tap."""
        return self.kind == 'tun' and self.data.get('type') == 'tap'


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """A device as it should be.

    `kinds`: which kinds of present device will do. `make`: arguments after the verb that makes it (`verb` is `link add`
    or `tuntap add`); empty: it comes into being with the device before it. `data`: attributes that must be equal, else the device is made again; `tune`: attributes that can be
    set on a living one. None for mtu or mac: any. `remake`: what is there is of no use.
    """

    name: str
    kinds: tuple[str, ...]
    make: str
    verb: str = 'link add'
    mtu: int | None = None
    mac: str | None = None
    up: bool = True
    master: str | None = None
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    tune: Mapping[str, int] = dataclasses.field(default_factory=dict)
    remake: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Action:
    """A change of one device: in words, and as lines for `ip -batch`."""

    why: str
    lines: tuple[str, ...]


def read(host: Host, namespace: str | None = None) -> dict[str, Link]:
    """All devices of a namespace, by name."""
    where = ['-n', namespace] if namespace else []
    return parse(json.loads(host.read(['ip', *where, '-j', '-d', 'addr', 'show']) or '[]'))


def parse(listing: Iterable[Mapping[str, Any]]) -> dict[str, Link]:
    """Devices from the JSON of `ip -d addr show`."""
    found = {}
    for item in listing:
        if 'ifname' not in item:
            continue
        info = item.get('linkinfo') or {}
        addresses = tuple(
            f'{a["local"]}/{a["prefixlen"]}' for a in item.get('addr_info', []) if 'local' in a and a.get('scope') in ('global', 'host')
        )
        found[item['ifname']] = Link(
            name=item['ifname'],
            index=item.get('ifindex', 0),
            kind=info.get('info_kind', ''),
            mtu=item.get('mtu', 0),
            mac=item.get('address', ''),
            up='UP' in item.get('flags', ()),
            master=item.get('master'),
            data=info.get('info_data') or {},
            addresses=addresses,
        )
    return found


def plan(wanted: Iterable[Wanted], present: Mapping[str, Link]) -> list[Action]:
    """What to do, in order: devices of ours that nobody wants go first, then each wanted device."""
    wanted = list(wanted)
    keep = {want.name for want in wanted}
    actions = [
        Action(f'deleted device {name}', (f'link del dev {name}',)) for name in sorted(present) if names.is_ours(name) and name not in keep
    ]
    for want in wanted:
        action = _plan_one(want, present.get(want.name))
        if action:
            actions.append(action)
    return actions


def _plan_one(want: Wanted, link: Link | None) -> Action | None:
    lines = []
    if link is not None and (want.remake or not _fits(want, link)):
        lines.append(f'link del dev {want.name}')
        link = None
    if link is None:
        if want.make:
            lines.append(f'{want.verb} {want.make}')
        lines.append(f'link set dev {want.name} addrgenmode none')
    tune = {key: value for key, value in want.tune.items() if link is None or link.data.get(key) != value}
    if tune:
        lines.append(f'link set dev {want.name} type {want.kinds[0]} ' + ' '.join(f'{k} {v}' for k, v in tune.items()))
    settings = []
    if want.mac and (link is None or link.mac != want.mac) and f'address {want.mac}' not in want.make:
        settings.append(f'address {want.mac}')
    if want.mtu and (link is None or link.mtu != want.mtu):
        settings.append(f'mtu {want.mtu}')
    if want.master != (link.master if link else None):
        settings.append(f'master {want.master}' if want.master else 'nomaster')
    if want.up != (link.up if link else False):
        settings.append('up' if want.up else 'down')
    if settings:
        lines.append(f'link set dev {want.name} {" ".join(settings)}')
    if not lines:
        return None
    verb = 'made' if link is None else 'set'
    return Action(f'{verb} device {want.name}{"" if link is None else " " + " ".join([*settings, *tune])}', tuple(lines))


def _fits(want: Wanted, link: Link) -> bool:
    if link.kind not in want.kinds:
        return False
    return all(link.data.get(name) == value for name, value in want.data.items())


Plan = Callable[[Mapping[str, Link]], list[Action]]


def converge(host: Host, planned: Plan, present: Mapping[str, Link], namespace: str | None = None) -> Mapping[str, Link]:
    """Carry out what `planned` says of the present devices, in one process; returns the devices afterwards.

    Should it fail (a device has just gone, another is refused), what is still to do is done action by action, so that one
    bad device keeps no other from being made. What then is still not as planned is a problem.
    """
    actions = planned(present)
    if not actions:
        return present
    try:
        _carry_out(host, actions, namespace)
    except CommandFailed:
        _one_by_one(host, planned(read(host, namespace)), planned, namespace)
    return read(host, namespace)


def _one_by_one(host: Host, actions: list[Action], planned: Plan, namespace: str | None) -> None:
    for action in actions:
        try:
            _carry_out(host, [action], namespace)
        except CommandFailed as error:
            if action in planned(read(host, namespace)):
                host.problem(f'not {action.why}: {error.stderr.strip()}')


def _carry_out(host: Host, actions: list[Action], namespace: str | None) -> None:
    where = ['-n', namespace] if namespace else []
    text = ''.join(f'{line}\n' for action in actions for line in action.lines)
    host.change('; '.join(action.why for action in actions), ['ip', *where, '-batch', '-'], stdin=text)
