"""Cutting connections that a rule allowed which is no more. Connections that are still allowed find their way back."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable

from common.errors import PileusError
from network.apply.host import Host

NOTHING_DELETED = 1  # exit code of conntrack -D when no entry matched


SIDES = ('--orig-src', '--orig-dst', '--reply-src', '--reply-dst')


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Cut:
    """Connections to forget: those with this address on a side (see `SIDES`), in a zone (-1: any)."""

    address: str
    side: str
    zone: int = -1


def cut(host: Host, cuts: Iterable[Cut], namespace: str | None = None) -> bool:
    """Forget the connections. That there are none is as good. False when it cannot be done now (the reason is a problem)."""
    for item in sorted(set(cuts)):
        family = 'ipv6' if ':' in item.address else 'ipv4'
        argv = ['conntrack', '-D', '-f', family, item.side, item.address]
        if item.zone >= 0:
            argv += ['-w', str(item.zone)]
        try:
            host.change(f'cut connections {item.side} {item.address}', argv, namespace=namespace, ok=(0, NOTHING_DELETED))
        except PileusError as error:
            host.problem(f'cannot cut connections {item.side} {item.address}: {error.admin_detail or error.message}')
            return False
    return True


class Pending:
    """Cuts that are due once the rules have changed, kept on disk so that a killed pass is made up for by the next."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._file = host.state_dir / 'cuts.json'

    def remember(self, namespace: str | None, cuts: Iterable[Cut]) -> set[Cut]:
        """Before the rules change: add cuts. Returns all that are due there, those of an earlier pass with them."""
        everything = self._load()
        due = everything.get(namespace or '', set())
        added = set(cuts) - due
        if added:
            everything[namespace or ''] = due | added
            self._save(everything)
        return due | added

    def done(self, namespace: str | None) -> None:
        """After they were cut."""
        everything = self._load()
        if everything.pop(namespace or '', None):
            self._save(everything)

    def _load(self) -> dict[str, set[Cut]]:
        try:
            content = json.loads(self._file.read_text())
        except FileNotFoundError:
            return {}
        return {namespace: {Cut(*item) for item in items} for namespace, items in content.items()}

    def _save(self, everything: dict[str, set[Cut]]) -> None:
        content = {namespace: [dataclasses.astuple(c) for c in sorted(cuts)] for namespace, cuts in sorted(everything.items()) if cuts}
        self.host.write(self._file, json.dumps(content) + '\n', mode=0o600)
