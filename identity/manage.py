"""`identity-manage`: the operator's command for the identity service.

identity-manage db sync
identity-manage bootstrap [--password-file FILE] [--region R] [--service TYPE NAME URL]... [--service-user NAME]...
identity-manage token_rotate
"""

from __future__ import annotations

import argparse
import getpass
import os
import pathlib
import sys

from common.config import DatabaseOptions, ServiceOptions, Settings
from common.db import Database
from common.errors import InvalidInput
from common.manage import run
from common.tokens.keys import SETTLED
from identity.app import make_service
from identity.bootstrap import BootstrapPlan, ServicePlan, bootstrap
from identity.service import IdentityService

_PASSWORD = 'OS_BOOTSTRAP_PASSWORD'
_SERVICE_PASSWORD = 'OS_BOOTSTRAP_SERVICE_PASSWORD'


def _service(settings: Settings) -> IdentityService:
    options = settings.get(ServiceOptions)
    template = settings.get(DatabaseOptions).url_template or 'sqlite:///{state}/db/{service}.sqlite'
    db = Database(template.format(service='identity', state=options.state_dir))
    return make_service(settings, db, pathlib.Path(options.state_dir))


def _secret(file: pathlib.Path | None, variable: str, prompt: str | None) -> str:
    """A password from a file, the environment, or the terminal; never from the command line, which everybody can read."""
    if file is not None:
        try:
            return file.read_text().rstrip('\n')
        except OSError as error:
            raise InvalidInput(f'The password file cannot be read: {error}.') from error
    if variable in os.environ:
        return os.environ[variable]
    if prompt is not None and sys.stdin.isatty():
        return getpass.getpass(prompt)
    raise InvalidInput(f'No password: name a file, or set {variable}.')


def bootstrap_verb(arguments: list[str], settings: Settings) -> int:
    """Make the first administrator, roles, catalog and service users."""
    parser = argparse.ArgumentParser(prog='identity-manage bootstrap', description=bootstrap_verb.__doc__)
    parser.add_argument('--username', default='admin')
    parser.add_argument('--project', default='admin')
    parser.add_argument('--password-file', type=pathlib.Path, help=f"file with the administrator's password; else {_PASSWORD} is read")
    parser.add_argument('--region', help='region of the catalog; default: [service] region')
    parser.add_argument('--service', action='append', nargs=3, default=[], metavar=('TYPE', 'NAME', 'URL'), help='a service of the catalog')
    parser.add_argument('--service-user', action='append', default=[], metavar='NAME', help='a user that a service signs in as')
    parser.add_argument(
        '--service-password-file', type=pathlib.Path, help=f'file with the password of those; else {_SERVICE_PASSWORD} is read'
    )
    parser.add_argument('--keep-passwords', action='store_true', help='leave the passwords of existing users alone')
    given = parser.parse_args(arguments)
    plan = BootstrapPlan(
        admin_password=_secret(given.password_file, _PASSWORD, f'Password of {given.username}: '),
        admin_user=given.username,
        admin_project=given.project,
        region=given.region or settings.get(ServiceOptions).region,
        services=[ServicePlan(*service) for service in given.service],
        service_users=given.service_user,
        service_password=_secret(given.service_password_file, _SERVICE_PASSWORD, None) if given.service_user else '',
        reset_passwords=not given.keep_passwords,
    )
    service = _service(settings)
    done = bootstrap(service, plan)
    service.db.dispose()
    print(f'{given.username}: user {done.admin_user_id}; ' + ('done' if done.changed else 'nothing to do'))
    return 0


def rotate_verb(arguments: list[str], settings: Settings) -> int:
    """Let the next key sign tokens and make a new next one; tokens signed before stay good until they end."""
    argparse.ArgumentParser(prog='identity-manage token_rotate', description=rotate_verb.__doc__).parse_args(arguments)
    service = _service(settings)
    options = service.token_options
    print(f'key {service.keys.rotate(options.lifetime + options.allow_expired_window, SETTLED)} signs from now on')
    return 0


def setup_verb(arguments: list[str], settings: Settings) -> int:
    """Make the signing keys, if there are none."""
    argparse.ArgumentParser(prog='identity-manage token_setup', description=setup_verb.__doc__).parse_args(arguments)
    print('keys made' if _service(settings).keys.create() else 'there are keys already')
    return 0


def main(argv: list[str] | None = None) -> int:
    """Run a command; gives the exit status."""
    verbs = {'bootstrap': bootstrap_verb, 'token_rotate': rotate_verb, 'token_setup': setup_verb}
    return run('identity', 'identity.db', sys.argv[1:] if argv is None else argv, verbs)
