"""Rule tables (iptables, ip6tables, ebtables): read what is there, plan the difference, load it in one transaction.

Ours are the chains named `pl-...` and one jump to such a chain from a builtin chain. Nothing else is looked at or
changed. The plan is pure; what it loads is applied by the kernel as a whole or not at all.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping

from network.apply import names
from network.apply.host import Host

Chains = dict[str, list[str]]


@dataclasses.dataclass(slots=True)
class Table:
    """Wanted rules of one table: `chains` ours, `jumps` builtin chain -> our chain."""

    chains: Chains = dataclasses.field(default_factory=dict)
    jumps: dict[str, str] = dataclasses.field(default_factory=dict)

    def chain(self, name: str, jump_from: str | None = None) -> list[str]:
        """The rule list of a chain, made at first use; rules are given without `-A name`."""
        if jump_from:
            self.jumps[jump_from] = name
        return self.chains.setdefault(name, [])


Ruleset = dict[str, Table]


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What a save command printed, for one table."""

    chains: dict[str, list[str]]
    builtin: dict[str, list[str]]


def parse(text: str) -> dict[str, Found]:
    """The output of `*tables-save`, by table."""
    tables: dict[str, Found] = {}
    current: Found | None = None
    for line in text.splitlines():
        if line.startswith('*'):
            current = Found({}, {})
            tables[line[1:].strip()] = current
        elif current is None or not line or line[0] == '#':
            continue
        elif line.startswith(':'):
            name = line[1:].split()[0]
            into = current.chains if name.startswith(names.CHAIN) else current.builtin
            into[name] = []
        elif line.startswith('-A '):
            _, name, rule = (line.rstrip() + ' ').split(' ', 2)
            into = current.chains if name.startswith(names.CHAIN) else current.builtin
            into.setdefault(name, []).append(rule.strip())
    return tables


def plan(wanted: Ruleset, found: Mapping[str, Found], *, bridge: bool = False) -> str:
    """Input for `*tables-restore` without flushing that makes `found` look as `wanted`; empty when it already does.

    `bridge`: in the dialect of ebtables, whose own chains are flushed by name.
    """
    out: list[str] = []
    for name in sorted(wanted.keys() | found.keys()):
        lines = _plan_table(wanted.get(name, Table()), found.get(name, Found({}, {})), bridge)
        if lines:
            out += [f'*{name}', *lines]
            if not bridge:
                out.append('COMMIT')
    return '\n'.join(out) + '\n' if out else ''


def _plan_table(wanted: Table, found: Found, bridge: bool) -> list[str]:
    changed = [name for name, rules in wanted.chains.items() if found.chains.get(name) != rules]
    gone = [name for name in found.chains if name not in wanted.chains]
    head = [f':{name} RETURN' if bridge else f':{name} - [0:0]' for name in changed]
    flush = [f'-F {name}' for name in (changed + gone if bridge else gone) if name in found.chains]
    drop, add = [], []
    for builtin in sorted(wanted.jumps.keys() | found.builtin.keys()):
        ours = [rule for rule in found.builtin.get(builtin, []) if _jump_target(rule)]
        keep = f'-j {wanted.jumps[builtin]}' if builtin in wanted.jumps else None
        extra = list(ours)
        if keep in extra:
            extra.remove(keep)
        elif keep:
            add.append(f'-I {builtin} 1 {keep}' if not bridge else f'-I {builtin} {keep}')
        drop += [f'-D {builtin} {rule}' for rule in extra]
    rules = [f'-A {name} {rule}' for name in changed for rule in wanted.chains[name]]
    return head + flush + drop + rules + add + [f'-X {name}' for name in gone]


def _jump_target(rule: str) -> str | None:
    """Our chain that a rule of a builtin chain jumps to, if it is such a rule."""
    words = rule.split()
    for flag in ('-j', '-g'):
        if flag in words:
            target = words[words.index(flag) + 1]
            if target.startswith(names.CHAIN):
                return target
    return None


class Loader:
    """Keeps the rule tables of the root namespace and of ours as wanted.

    Rules are written in the very form in which the save commands print them. Should another version print them
    otherwise, what it printed after a load is remembered and taken for the same as what was loaded.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self._accepted: dict[tuple[str, str | None], tuple[str, str]] = {}

    def load(self, family: str, wanted: Ruleset, *, namespace: str | None = None, found: dict[str, Found] | None = None) -> bool:
        """Bring a family (`iptables`, `ip6tables`, `ebtables`) to `wanted`; True if something changed.

        `found`: what `read` just gave, if the caller has it.
        """
        bridge = family == 'ebtables'
        found = self.read(family, namespace) if found is None else found
        text = plan(wanted, found, bridge=bridge)
        key = (family, namespace)
        if not text:
            return False
        asked = _digest(_as_text(wanted))
        if self._accepted.get(key) == (asked, _digest(_ours(found))):
            return False
        where = f' in {namespace}' if namespace else ''
        argv = ['ebtables-restore', '--noflush'] if bridge else [f'{family}-restore', '-w', '10', '-n']
        self.host.change(f'loaded {family}{where}', argv, namespace=namespace, stdin=text)
        after = self.read(family, namespace)
        if plan(wanted, after, bridge=bridge):
            self._accepted[key] = (asked, _digest(_ours(after)))
        return True

    def read(self, family: str, namespace: str | None = None) -> dict[str, Found]:
        """What is there."""
        return parse(self.host.read([f'{family}-save'], namespace=namespace))


def _as_text(wanted: Ruleset) -> str:
    return repr({name: (table.chains, table.jumps) for name, table in sorted(wanted.items())})


def _ours(found: Mapping[str, Found]) -> str:
    parts = []
    for name, table in sorted(found.items()):
        jumps = {b: [r for r in rules if _jump_target(r)] for b, rules in sorted(table.builtin.items())}
        parts.append((name, sorted(table.chains.items()), {b: j for b, j in jumps.items() if j}))
    return repr(parts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
