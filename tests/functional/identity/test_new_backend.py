"""A place for users that nobody here has heard of: one file, offered by a distribution of its own."""

from __future__ import annotations

import sys

import pytest

from common import config
from common.config import ConfigError, Settings
from common.runtime import Runtime
from tests.functional.identity.conftest import start

BACKEND = '''
"""Users in a text file: a line `name:password` for each."""

import hashlib
import pathlib

from common.config import group, option
from identity.drivers.base import UserBackend
from identity.drivers.matching import fits
from identity.records import UserRecord


@group('textfile')
class TextFileOptions:
    """Belongs into a file of `[identity] domain_config_dir`."""

    path: str = option('', help='The file')


class TextFileBackend(UserBackend):
    def __init__(self, domain_id, path):
        self._domain_id, self._path = domain_id, pathlib.Path(path)

    @classmethod
    def make(cls, place):
        return cls(place.domain_id, place.settings.get(TextFileOptions).path)

    def _people(self):
        pairs = (line.split(':') for line in self._path.read_text().split())
        return {hashlib.sha256(f'{self._domain_id}{name}'.encode()).hexdigest(): (name, password) for name, password in pairs}

    def _users(self):
        return [UserRecord(id=id_, domain_id=self._domain_id, name=name) for id_, (name, _) in self._people().items()]

    def get_user(self, session, user_id):
        return next((user for user in self._users() if user.id == user_id), None)

    def find_user(self, session, domain_id, name):
        return next((user for user in self._users() if user.name == name), None)

    def list_users(self, session, wanted, *, group_id=None, ids=None):
        return [user for user in self._users() if fits(user, wanted) and (ids is None or user.id in ids)]

    def check_password(self, user, password):
        return self._people()[user.id][1] == password

    def get_group(self, session, group_id):
        return None

    def find_group(self, session, domain_id, name):
        return None

    def list_groups(self, session, wanted, *, user_id=None, ids=None):
        return []

    def group_ids_of(self, session, user_id):
        return []

    def members(self, session, group_ids):
        return {}
'''


@pytest.fixture(scope='module')
def cloud(tmp_path_factory):
    path = tmp_path_factory.mktemp('elsewhere')
    (path / 'textfile_users.py').write_text(BACKEND)
    (path / 'textfile_users-1.0.dist-info').mkdir()
    (path / 'textfile_users-1.0.dist-info' / 'METADATA').write_text('Metadata-Version: 2.1\nName: textfile-users\nVersion: 1.0\n')
    (path / 'textfile_users-1.0.dist-info' / 'entry_points.txt').write_text(
        '[pileus.identity.users]\ntextfile = textfile_users:TextFileBackend\n'
    )
    (path / 'people').write_text('ann:ann-secret\nbob:bob-secret\n')
    domains = path / 'domains'
    domains.mkdir()
    (domains / 'text.conf').write_text(f'[identity]\ndriver = textfile\n[textfile]\npath = {path}/people\n')
    sys.path.insert(0, str(path))
    found = start(tmp_path_factory.mktemp('identity'), identity={'domain_config_dir': str(domains)})
    yield found
    found.runtime.stop(1.0)
    sys.path.remove(str(path))
    config._GROUPS.pop('textfile', None)
    sys.modules.pop('textfile_users', None)


def test_its_options_may_stand_in_the_main_file_too(cloud, tmp_path, monkeypatch):
    """As those of the driver of all domains that have none of their own."""
    (tmp_path / 'pileus.conf').write_text(f'[identity]\ndriver = textfile\n[textfile]\npath = {tmp_path}/people\n')
    settings = Settings.load([tmp_path / 'pileus.conf'])
    monkeypatch.delitem(config._GROUPS, 'textfile')
    monkeypatch.delitem(sys.modules, 'textfile_users')
    Runtime.check(settings)
    (tmp_path / 'pileus.conf').write_text('[textfiles]\npath = x\n')
    with pytest.raises(ConfigError, match='there is no section'):
        Runtime.check(Settings.load([tmp_path / 'pileus.conf']))


def test_its_users_log_in_and_have_roles(cloud, admin):
    domain = admin.ok('POST', '/v3/domains', {'domain': {'name': 'text'}}, 201)['domain']['id']
    users = admin.ok('GET', f'/v3/users?domain_id={domain}')['users']
    assert [user['name'] for user in users] == ['ann', 'bob']
    ann = users[0]['id']
    project = admin.ok('GET', '/v3/projects?name=demo')['projects'][0]['id']
    member = admin.ok('GET', '/v3/roles?name=member')['roles'][0]['id']
    admin.ok('PUT', f'/v3/projects/{project}/users/{ann}/roles/{member}', status=204)

    def login(name, password):
        user = {'name': name, 'password': password, 'domain': {'id': domain}}
        identity = {'methods': ['password'], 'password': {'user': user}}
        return admin('POST', '/v3/auth/tokens', {'auth': {'identity': identity, 'scope': {'project': {'id': project}}}}, token='')

    token = login('ann', 'ann-secret').json()['token']
    assert token['user']['id'] == ann and {role['name'] for role in token['roles']} == {'member', 'reader'}
    assert [login(*who).status_code for who in (('ann', 'wrong'), ('bob', 'bob-secret'), ('carl', 'x'))] == [401] * 3
    refused = admin('POST', '/v3/users', {'user': {'name': 'carl', 'domain_id': domain}})
    assert refused.status_code == 403 and 'cannot be changed here' in refused.json()['error']['message']
