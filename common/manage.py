"""What every `<service>-manage` command can do: `db sync|version|check`, `config show`, `policy list|sample|diff|check`.

A service adds its own verbs as functions of (arguments, settings) -> exit status.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Callable, Mapping

from common.config import DatabaseOptions, ServiceOptions, Settings
from common.errors import PileusError
from common.policy_commands import manage

Verb = Callable[[list[str], Settings], int]


def default_files() -> list[pathlib.Path]:
    """The configuration that a command reads when none is named: `PILEUS_CONF`, else /etc/pileus/pileus.conf if it is there."""
    named = os.environ.get('PILEUS_CONF')
    if named:
        return [pathlib.Path(part) for part in named.split(':')]
    usual = pathlib.Path('/etc/pileus/pileus.conf')
    return [usual] if usual.exists() else []


def run(service: str, package: str, arguments: list[str], verbs: Mapping[str, Verb] | None = None) -> int:
    """Parse and run; errors are one line on standard error, status 1."""
    parser = argparse.ArgumentParser(prog=f'{service}-manage', description=f'Commands for the operator of the {service} service.')
    parser.add_argument('--config-file', action='append', type=pathlib.Path, help='configuration file; may be given again, the later wins')
    parser.add_argument('command', choices=sorted({'db', 'config', 'policy', *(verbs or {})}))
    parser.add_argument('rest', nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    try:
        settings = Settings.load(given.config_file or default_files())
        if verbs and given.command in verbs:
            return verbs[given.command](given.rest, settings)
        if given.command == 'policy':
            return manage(service, given.rest, settings)
        return {'db': lambda: _db(service, package, given.rest, settings), 'config': lambda: _config(given.rest, settings)}[given.command]()
    except PileusError as error:
        print(f'{service}-manage: {error.message}', file=sys.stderr)
        return 1


def _db(service: str, package: str, rest: list[str], settings: Settings) -> int:
    from common.db import Database, migrate

    if not rest or rest[0] not in ('sync', 'version', 'check'):
        print('db sync [REVISION] | db version | db check', file=sys.stderr)
        return 2
    template = settings.get(DatabaseOptions).url_template or 'sqlite:///{state}/db/{service}.sqlite'
    db = Database(template.format(service=service, state=settings.get(ServiceOptions).state_dir))
    return migrate.manage(rest[0], db, package, *(rest[1:2]))


def _config(rest: list[str], settings: Settings) -> int:
    if rest != ['show']:
        print('config show', file=sys.stderr)
        return 2
    for name, option, value, source in settings.describe():
        print(f'[{name}] {option} = {value}    # {source}')
    return 0
