"""`scheduler-manage`: database, hosts, explanations."""

from __future__ import annotations

import sys

from common import clock
from common.config import Settings
from common.manage import database_verb, run
from common.runtime import Runtime
from scheduler.conf import SchedulerOptions
from scheduler.service import SchedulerService


def main(argv: list[str] | None = None) -> int:
    """Run a command; gives the exit status."""
    verbs = {'db': db_verb, 'host': host_verb, 'explain': explain_verb}
    return run('scheduler', 'scheduler.db', sys.argv[1:] if argv is None else argv, verbs)


def db_verb(rest: list[str], settings: Settings) -> int:
    """The schema of the database: db sync [REVISION] | version | check, which looks whether the counts agree, too."""
    status = database_verb('scheduler', 'scheduler.db', rest, settings)
    if status != 0 or rest[0] != 'check':
        return status
    problems = _service(settings).claims.recount()
    print('\n'.join(problems) or 'scheduler.db: the counts agree')
    return 1 if problems else 0


def _service(settings: Settings) -> SchedulerService:
    return SchedulerService(Runtime(settings).database('scheduler'), settings.get(SchedulerOptions))


def host_verb(rest: list[str], settings: Settings) -> int:
    """Hosts with their room: host list."""
    if rest != ['list']:
        print('host list', file=sys.stderr)
        return 2
    return _list_hosts(_service(settings))


def explain_verb(rest: list[str], settings: Settings) -> int:
    """Why a server or volume went where it is, or nowhere: explain ID."""
    if len(rest) != 1:
        print('explain ID', file=sys.stderr)
        return 2
    return _explain(_service(settings), rest[0])


def _list_hosts(service: SchedulerService) -> int:
    line = '{:<8} {:<24} {:<12} {:<9} {:>12} {:>16} {:>14}  {}'
    print(line.format('KIND', 'NAME', 'ZONE', 'STATE', 'VCPUS', 'MEMORY MiB', 'DISK GiB', 'SEEN'))
    for host in service.hosts.describe(None):
        state = 'disabled' if not host['enabled'] else 'up' if host['up'] else 'down'
        amounts = [f'{host[f"used_{name}"]}/{host[f"capacity_{name}"]}' for name in ('vcpus', 'ram', 'disk')]
        seen = f'{max(0, clock.timestamp() - host["seen_at"]):.0f} s ago'
        print(line.format(host['kind'], host['name'], host['zone'], state, *amounts, seen))
    return 0


def _explain(service: SchedulerService, consumer: str) -> int:
    decisions = service.claims.explain(consumer)['decisions']
    if not decisions:
        print(f'No decision is known for {consumer}.', file=sys.stderr)
        return 1
    for decision in decisions:
        print(f'{decision["at"]}  {decision["message"]}  ({decision["duration"] * 1000:.1f} ms, request {decision["request_id"]})')
        for one in decision['explanation'].get('sample', ()):
            print(
                f'    {one["host"]}: {one["dimension"]}'
                + (f' wanted {one["wanted"]}, had {one["had"]}' if one['wanted'] is not None else '')
            )
    return 0


if __name__ == '__main__':
    sys.exit(main())
