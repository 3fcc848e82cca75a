"""`scheduler-manage`: database, hosts, explanations."""

from __future__ import annotations

import argparse
import sys

from common import clock
from common.config import Settings
from common.db import migrate
from common.errors import PileusError
from common.runtime import Runtime
from scheduler.conf import SchedulerOptions
from scheduler.service import SchedulerService


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog='scheduler-manage', description='The scheduler: database, hosts and decisions.')
    parser.add_argument('--config', action='append', default=[], help='configuration file; may be given more than once')
    nouns = parser.add_subparsers(dest='noun', required=True)
    database = nouns.add_parser('db', help='the database').add_subparsers(dest='verb', required=True)
    for verb, text in (
        ('sync', 'bring it up to date'),
        ('version', 'print its version'),
        ('check', 'is it up to date, do the counts agree?'),
    ):
        database.add_parser(verb, help=text)
    hosts = nouns.add_parser('host', help='hosts').add_subparsers(dest='verb', required=True)
    hosts.add_parser('list', help='hosts with their room')
    explain = nouns.add_parser('explain', help='why a server or volume went where it is, or nowhere')
    explain.add_argument('consumer')
    arguments = parser.parse_args(argv)
    try:
        return _run(arguments)
    except PileusError as error:
        print(f'{error.message} {error.admin_detail or ""}'.strip(), file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    runtime = Runtime(Settings.load(arguments.config))
    db = runtime.database('scheduler')
    if arguments.noun == 'db' and arguments.verb != 'check':
        return migrate.manage(arguments.verb, db, 'scheduler.db')
    service = SchedulerService(db, runtime.settings.get(SchedulerOptions))
    if arguments.noun == 'db':
        problems = migrate.check(db, 'scheduler.db') or service.claims.recount()
        print('\n'.join(problems) or 'scheduler.db: up to date, counts agree')
        return 1 if problems else 0
    if arguments.noun == 'host':
        return _list_hosts(service)
    return _explain(service, arguments.consumer)


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
