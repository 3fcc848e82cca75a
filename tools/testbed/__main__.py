"""Command line: `python -m tools.testbed up --hosts 2`, `exec HOST COMMAND...`, `status`, `down`."""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys

from tools.testbed.bed import CONTROLLER, Bed
from tools.testbed.commands import TestbedError

_DEFAULT = pathlib.Path('/var/lib/pileus-testbed')


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m tools.testbed', description='Hosts on one machine, each with its own network and libvirtd.'
    )
    parser.add_argument('--folder', type=pathlib.Path, default=_DEFAULT, help=f'where everything is kept (default {_DEFAULT})')
    parser.add_argument('--prefix', default='', help="of the hosts' names, for several testbeds on one machine")
    verbs = parser.add_subparsers(dest='verb', required=True)
    up = verbs.add_parser('up', help='make a controller and hosts; what is there already stays')
    up.add_argument('--hosts', type=int, default=2, help='how many besides the controller (default 2)')
    up.add_argument('--no-libvirt', action='store_true', help='start no libvirtd in the hosts')
    execute = verbs.add_parser('exec', help='run a command in a host')
    execute.add_argument('host', help=f'{CONTROLLER}, h1, h2, ...')
    execute.add_argument('command', nargs=argparse.REMAINDER, help='the command and its arguments')
    verbs.add_parser('status', help='list the hosts')
    verbs.add_parser('down', help='end and remove everything')
    return parser


def _exec(bed: Bed, name: str, command: list[str]) -> int:
    host = bed.hosts().get(name)
    if host is None or not host.running('holder'):
        known = ', '.join(bed.hosts()) or 'none; run "up" first'
        raise TestbedError(f'There is no host {name}. Hosts: {known}.')
    sys.stdout.flush()
    os.execvp('nsenter', host.inside(*(command or [os.environ.get('SHELL', 'sh')])))


def _status(bed: Bed) -> None:
    hosts = bed.hosts()
    if not hosts:
        print('There is no testbed.')
    for name, host in hosts.items():
        alive = [process for process in ('libvirtd', 'virtlogd', 'tgtd') if host.running(process)]
        print(f'{name:12} {bed.address(name):14} {"up" if host.running("holder") else "down":5} {", ".join(alive)}')


def main() -> int:
    """The exit status: that of the command for `exec`, 1 with a message when something could not be done."""
    options = _parser().parse_args()
    if os.geteuid() != 0:
        print('testbed: namespaces and mounts need root', file=sys.stderr)
        return 77
    bed = Bed(options.folder, options.prefix)
    try:
        if options.verb == 'exec':
            return _exec(bed, options.host, options.command)
        if options.verb == 'up':
            bed.up(options.hosts, libvirt=not options.no_libvirt)
        if options.verb == 'down':
            bed.down()
        else:
            _status(bed)
    except (TestbedError, subprocess.TimeoutExpired, OSError) as error:
        print(f'testbed: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
