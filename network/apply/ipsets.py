"""Sets of addresses (the members of a remote security group, an address group), used by the rules of many ports."""

from __future__ import annotations

from collections.abc import Mapping

from network.apply import names
from network.apply.host import Host

Sets = Mapping[str, frozenset[str]]  # name -> addresses or networks, all of one family (by the name's last letter)


def name_for(group_id: str, version: int) -> str:
    """The set of a group's IPv4 or IPv6 members (31 characters at most)."""
    return f'{names.IPSET}{group_id[:24]}-{version}'


def parse(text: str) -> dict[str, set[str]]:
    """Our sets from the output of `ipset save`."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 3 or not words[1].startswith(names.IPSET):
            continue
        if words[0] == 'create':
            found[words[1]] = set()
        elif words[0] == 'add':
            found[words[1]].add(words[2])
    return found


def normal(address: str) -> str:
    """An address as `ipset save` prints it: a host without its prefix length."""
    for suffix in ('/32', '/128'):
        if address.endswith(suffix) and (suffix == '/128' or ':' not in address):
            return address[: -len(suffix)]
    return address


def plan(wanted: Sets, found: Mapping[str, set[str]]) -> str:
    """Input for `ipset restore` that makes and fills the sets (those that nobody wants stay: rules may still name them)."""
    lines = []
    for name in sorted(wanted):
        members = {normal(address) for address in wanted[name]}
        present = found.get(name)
        if present is None:
            lines.append(f'create {name} hash:net family {"inet6" if name.endswith("-6") else "inet"}')
        lines += [f'add {name} {address}' for address in sorted(members - (present or set()))]
        lines += [f'del {name} {address}' for address in sorted((present or set()) - members)]
    return ''.join(f'{line}\n' for line in lines)


class IpSets:
    """The sets of the root namespace."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._found: dict[str, set[str]] = {}

    def read(self) -> dict[str, set[str]]:
        """The sets as they are."""
        self._found = parse(self.host.read(['ipset', 'save']))
        return self._found

    def fill(self, wanted: Sets) -> None:
        """Make and fill sets (as last read), before the rules that use them are loaded."""
        text = plan(wanted, self._found)
        if text:
            self.host.change('filled address sets', ['ipset', '-exist', 'restore'], stdin=text)

    def drop_unused(self, wanted: Sets) -> None:
        """Remove sets, after the rules that used them are gone."""
        gone = [name for name in self._found if name not in wanted]
        if gone:
            self.host.change('removed address sets', ['ipset', 'restore'], stdin=''.join(f'destroy {name}\n' for name in sorted(gone)))
