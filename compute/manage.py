"""`compute-manage`: the operator's command for the compute service."""

from __future__ import annotations

import sys

from common.config import Settings
from common.manage import run


def service_verb(rest: list[str], settings: Settings) -> int:
    """The workers of the hosts, with a smile for those that live: service list."""
    from common.runtime import Runtime

    if rest != ['list']:
        print('service list', file=sys.stderr)
        return 2
    runtime = Runtime(settings, embedded=False)
    try:
        found = runtime.rest('compute', 'compute').get('/v2.1/os-services')['services']
    finally:
        runtime.stop(1.0)
    line = '{:16} {:36} {:16} {:10} {:6} {}'
    print(line.format('BINARY', 'HOST', 'ZONE', 'STATUS', 'STATE', 'UPDATED AT'))
    for entry in found:
        face = ':-)' if entry['state'] == 'up' else 'XXX'
        print(line.format(entry['binary'], entry['host'], entry['zone'], entry['status'], face, entry['updated_at'] or 'never'))
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run a command; gives the exit status."""
    return run('compute', 'compute.db', sys.argv[1:] if argv is None else argv, {'service': service_verb})
