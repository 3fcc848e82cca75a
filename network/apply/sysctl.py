"""Kernel settings under /proc/sys/net.

Settings of our own devices and namespaces vanish with them. Those of the host's own namespace are written down before
they are first changed and put back by `restore`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from network.apply import namespaces
from network.apply.host import Host

ROOT = Path('/proc/sys')


def _path(name: str) -> Path:
    """`net/ipv4/conf/eth0/arp_ignore` (slashes, since device names may hold dots) as a file."""
    return ROOT / name


def ensure(host: Host, wanted: Mapping[str, str], namespace: str | None = None) -> None:
    """Bring settings to these values; one that this kernel lacks is left out."""
    changed = []
    with namespaces.entered(host, namespace):
        for name, value in wanted.items():
            path = _path(name)
            try:
                if path.read_text().split() == value.split():
                    continue
                path.write_text(value)
            except FileNotFoundError:
                continue
            changed.append(f'{name}={value}')
    if changed:
        host.note(f'set {", ".join(changed)}' + (f' in {namespace}' if namespace else ''))


def ensure_remembered(host: Host, wanted: Mapping[str, str]) -> None:
    """The same for settings of the host itself: what was there before is kept on disk first."""
    remembered = _remembered(host)
    before = dict(remembered)
    for name, value in wanted.items():
        try:
            current = _path(name).read_text().strip()
        except FileNotFoundError:
            continue
        if current != value:
            remembered.setdefault(name, current)
    if remembered != before:
        host.write(_file(host), json.dumps(remembered, indent=1, sort_keys=True) + '\n', mode=0o600)
    ensure(host, wanted)


def restore(host: Host) -> None:
    """Put back every setting of the host that we changed, and forget it."""
    remembered = _remembered(host)
    if remembered:
        ensure(host, remembered)
        _file(host).unlink()


def _file(host: Host) -> Path:
    return host.state_dir / 'sysctl.json'


def _remembered(host: Host) -> dict[str, str]:
    try:
        return dict(json.loads(_file(host).read_text()))
    except FileNotFoundError:
        return {}
