"""The state folder of a cloud: passwords, configuration and credentials, made once and kept."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

from common import own_files
from common.config import ConfigError, Settings
from common.own_files import CONFIG, LOCAL
from common.secrets import new_password, write_secret

default_state = own_files.state
ADMIN_PORT = 35357
"""Where older tools look for the administrators' side of identity v2.0."""
_SECRETS = ('admin-password', 'demo-password', 'service-password')


def make_secrets(state: pathlib.Path) -> None:
    """Make the passwords that are missing, in files below `run/`."""
    state.mkdir(parents=True, exist_ok=True, mode=0o711)
    run = state / 'run'
    run.mkdir(exist_ok=True, mode=0o700)
    for name in _SECRETS:
        if not (run / name).exists():
            write_secret(run / name, new_password(32 if name == 'service-password' else 16))


def secret(state: pathlib.Path, name: str) -> str:
    """One of those passwords."""
    return (state / 'run' / name).read_text().strip()


def config_text(values: Mapping[str, Mapping[str, Any]]) -> str:
    """A configuration file with these values."""
    lines = [f'# Written by `pileus up`. Put what you change into {LOCAL} beside it, which wins and is never touched.']
    for group, options in values.items():
        lines.append(f'\n[{group}]')
        lines += [f'{name} = {value}' for name, value in options.items()]
    return '\n'.join(lines) + '\n'


def write_config(state: pathlib.Path, values: Mapping[str, Mapping[str, Any]]) -> pathlib.Path:
    """Write the configuration file of the cloud; gives its path."""
    path = state / CONFIG
    write_secret(path, config_text(values))
    return path


def files(state: pathlib.Path) -> list[pathlib.Path]:
    """The configuration files of the cloud in this folder. Raises ConfigError when there is none."""
    if not (state / CONFIG).is_file():
        raise ConfigError(f'There is no cloud in {state}. Start one with: pileus up --state {state}')
    return own_files.settings_of(state)


def load(state: pathlib.Path) -> Settings:
    """The settings of the cloud in this folder. Raises ConfigError when there is none."""
    return Settings.load(files(state))


def write_credentials(state: pathlib.Path, auth_url: str, region: str) -> None:
    """Write `openrc`, `openrc-demo` and `clouds.yaml`, readable by their owner only."""
    clouds = ['clouds:']
    for user, file in (('admin', 'openrc'), ('demo', 'openrc-demo')):
        password = secret(state, f'{user}-password')
        values = {
            'OS_AUTH_URL': auth_url,
            'OS_IDENTITY_API_VERSION': '3',
            'OS_USERNAME': user,
            'OS_PASSWORD': password,
            'OS_PROJECT_NAME': user,
            'OS_USER_DOMAIN_ID': 'default',
            'OS_PROJECT_DOMAIN_ID': 'default',
            'OS_REGION_NAME': region,
        }
        write_secret(state / file, ''.join(f"export {name}='{value}'\n" for name, value in values.items()))
        clouds += [
            f'  pileus-{user}:' if user != 'admin' else '  pileus:',
            f'    region_name: {region}',
            "    identity_api_version: '3'",
            '    auth:',
            f'      auth_url: {auth_url}',
            f'      username: {user}',
            f"      password: '{password}'",
            f'      project_name: {user}',
            '      user_domain_id: default',
            '      project_domain_id: default',
        ]
    write_secret(state / 'clouds.yaml', '\n'.join(clouds) + '\n')
