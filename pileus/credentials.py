"""As whom the operator's command speaks to a cloud: the administrator of a state folder, the environment, or clouds.yaml."""

from __future__ import annotations

import os
import pathlib
from typing import TYPE_CHECKING, Any

from common.config import ConfigError, EndpointOptions, ServiceOptions
from pileus import settings as state_files

if TYPE_CHECKING:
    from keystoneauth1.session import Session

_PLACES = ('clouds.yaml', '~/.config/openstack/clouds.yaml', '/etc/openstack/clouds.yaml')
_NAMES = {
    'OS_AUTH_URL': 'auth_url', 'OS_USERNAME': 'username', 'OS_PASSWORD': 'password', 'OS_PROJECT_NAME': 'project_name',
    'OS_PROJECT_ID': 'project_id', 'OS_USER_DOMAIN_ID': 'user_domain_id', 'OS_USER_DOMAIN_NAME': 'user_domain_name',
    'OS_PROJECT_DOMAIN_ID': 'project_domain_id', 'OS_PROJECT_DOMAIN_NAME': 'project_domain_name', 'OS_USER_ID': 'user_id',
}  # fmt: skip


def find(state: pathlib.Path | None, cloud: str | None = None) -> tuple[dict[str, Any], str | None]:
    """(arguments of a password login, region).

    A named cloud or state folder comes first, then the environment, then the usual state folder. Raises ConfigError.
    """
    if cloud:
        return _from_clouds(cloud)
    if state is None and os.environ.get('OS_AUTH_URL'):
        return {key: os.environ[name] for name, key in _NAMES.items() if os.environ.get(name)}, os.environ.get('OS_REGION_NAME')
    if state is None and os.environ.get('OS_CLOUD'):
        return _from_clouds(os.environ['OS_CLOUD'])
    folder = state or state_files.default_state()
    settings = state_files.load(folder)
    return {
        'auth_url': f'{settings.get(EndpointOptions).identity}/v3',
        'username': 'admin',
        'password': state_files.secret(folder, 'admin-password'),
        'project_name': 'admin',
        'user_domain_id': 'default',
        'project_domain_id': 'default',
    }, settings.get(ServiceOptions).region


def _from_clouds(name: str) -> tuple[dict[str, Any], str | None]:
    import yaml

    places = [os.environ['OS_CLIENT_CONFIG_FILE']] if os.environ.get('OS_CLIENT_CONFIG_FILE') else list(_PLACES)
    for place in places:
        path = pathlib.Path(place).expanduser()
        if not path.is_file():
            continue
        clouds = (yaml.safe_load(path.read_text()) or {}).get('clouds', {})
        if name in clouds:
            return dict(clouds[name].get('auth', {})), clouds[name].get('region_name')
    raise ConfigError(f'There is no cloud {name!r} in {" or ".join(places)}.')


def session(arguments: dict[str, Any]) -> Session:
    """A session that signs in when it is first used."""
    from keystoneauth1.identity import v3
    from keystoneauth1.session import Session

    url = arguments['auth_url'].rstrip('/')
    arguments = {**arguments, 'auth_url': url if url.endswith('/v3') else f'{url}/v3'}
    made = Session(v3.Password(**arguments), user_agent='pileus')
    made.session.trust_env = False if '127.0.0.1' in url else made.session.trust_env
    return made
