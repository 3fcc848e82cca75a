"""`compute-manage`: the operator's command for the compute service."""

from __future__ import annotations

import sys

from common.config import Settings
from common.manage import run


def _service(rest: list[str], settings: Settings) -> int:
    """`service list`: every worker, with a smile for those that live."""
    from common.context import Context
    from common.runtime import Runtime
    from scheduler.rpc import Scheduler

    if rest != ['list']:
        print('service list', file=sys.stderr)
        return 2
    runtime = Runtime(settings, embedded=False)
    try:
        print(f'{"Binary":16s} {"Host":36s} {"Zone":16s} {"Status":10s} {"State":5s} Updated_At')
        for host in runtime.broker.client(Scheduler).hosts(Context.service('compute'), kind='server'):
            status = 'enabled' if host.get('enabled', True) else 'disabled'
            print(
                f'{"compute-worker":16s} {host["name"]:36s} {host.get("zone") or "":16s} {status:10s} {":-)" if host.get("up") else "XXX":5s} {host.get("seen_at")}'
            )
    finally:
        runtime.stop(1.0)
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run a command; gives the exit status."""
    return run('compute', 'compute.db', sys.argv[1:] if argv is None else argv, {'service': _service})
