"""What every `<service>-manage` command can do: `db sync|version|check`, `config show`, `policy list|sample|diff|check`.

A service adds its own verbs as functions of (arguments, settings) -> exit status; the first line of their docstring is their help.
"""

from __future__ import annotations

import argparse
import inspect
import os
import pathlib
import sys
from collections.abc import Callable, Mapping

from common import own_files
from common.config import DatabaseOptions, ServiceOptions, Settings
from common.errors import PileusError
from common.policy_commands import manage

Verb = Callable[[list[str], Settings], int]
_VERBS = {
    'db': 'The schema of the database: db sync [REVISION] | version | check.',
    'config': 'Every option with its value, and where it came from: config show.',
    'policy': 'Who may do what: policy list | sample | diff | check.',
}


def default_files() -> list[pathlib.Path]:
    """The configuration that a command reads when none is named: `PILEUS_CONF`, else /etc/pileus/pileus.conf, else that of the cloud of
    this user (`own_files.state()`), whichever is there."""
    named = os.environ.get('PILEUS_CONF')
    if named:
        return [pathlib.Path(part) for part in named.split(':')]
    usual = pathlib.Path('/etc/pileus/pileus.conf')
    return [usual] if usual.exists() else own_files.settings_of(own_files.state())


def run(service: str, package: str, arguments: list[str], verbs: Mapping[str, Verb] | None = None) -> int:
    """Parse and run; errors are one line on standard error, status 1."""
    own = dict(verbs or {})
    words = _VERBS | {name: (inspect.getdoc(verb) or '').partition('\n')[0] for name, verb in own.items()}
    parser = argparse.ArgumentParser(
        prog=f'{service}-manage',
        description=f'Commands for the operator of the {service} service.',
        epilog='commands:\n' + '\n'.join(f'  {name:12s}  {text}' for name, text in sorted(words.items())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--config-file', action='append', type=pathlib.Path, help='configuration file; may be given again, the later wins')
    parser.add_argument('--state', type=pathlib.Path, help='folder of a cloud: its configuration is read')
    parser.add_argument('command', choices=sorted(words), metavar='COMMAND', help='one of those below')
    parser.add_argument('rest', nargs=argparse.REMAINDER, metavar='...', help='its arguments')
    given = parser.parse_args(arguments)
    try:
        settings = Settings.load(given.config_file or _files_of(given.state))
        if given.command in own:
            return own[given.command](given.rest, settings)
        if given.command == 'policy':
            return manage(service, given.rest, settings)
        return {'db': lambda: database_verb(service, package, given.rest, settings), 'config': lambda: _config(given.rest, settings)}[
            given.command
        ]()
    except PileusError as error:
        print(f'{service}-manage: {" ".join(filter(None, (error.message, error.admin_detail)))}', file=sys.stderr)
        return 1


def _files_of(state: pathlib.Path | None) -> list[pathlib.Path]:
    if state is None:
        return default_files()
    # A folder without a cloud is an error of its own, said with the name of the file.
    return own_files.settings_of(state) or [state / own_files.CONFIG]


def database_verb(service: str, package: str, rest: list[str], settings: Settings) -> int:
    """The schema of a service's database: `sync [REVISION]`, `version`, `check`; gives the exit status."""
    from common.db import Database, migrate

    if not rest or rest[0] not in ('sync', 'version', 'check'):
        print('db sync [REVISION] | db version | db check', file=sys.stderr)
        return 2
    template = settings.get(DatabaseOptions).url_template or 'sqlite:///{state}/db/{service}.sqlite'
    url = template.format(service=service, state=settings.get(ServiceOptions).state_dir)
    path = pathlib.Path(url.removeprefix('sqlite:///')) if url.startswith('sqlite:///') else None
    if rest[0] != 'sync' and path is not None and not path.exists():
        print(
            f'{service}-manage: There is no database in {path}. Name the cloud with --state DIR, or make it with db sync.', file=sys.stderr
        )
        return 1
    return migrate.manage(rest[0], Database(url), package, *(rest[1:2]))


def _config(rest: list[str], settings: Settings) -> int:
    if rest != ['show']:
        print('config show', file=sys.stderr)
        return 2
    for name, option, value, source in settings.describe():
        print(f'[{name}] {option} = {value}    # {source}')
    return 0
