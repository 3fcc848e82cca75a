"""A catalog that an operator writes into a file."""

from __future__ import annotations

import pytest

from common.config import ConfigError
from identity.catalog import url_parameters
from identity.templated_catalog import TemplatedCatalog
from tests.functional.identity.conftest import start

TEXT = """
# Our cloud
catalog.RegionOne.identity.publicURL = http://cloud.example.org:5000/v3
catalog.RegionOne.identity.adminURL = http://10.0.0.1:35357/v3
catalog.RegionOne.identity.name = Identity Service
catalog.RegionOne.volume.publicURL = http://cloud.example.org:8776/v1/$(tenant_id)s
catalog.RegionTwo.volume.publicURL = http://two.example.org:8776/v1/$(tenant_id)s
"""


@pytest.fixture(scope='module')
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp('catalog') / 'default_catalog.templates'
    path.write_text(TEXT)
    return path


@pytest.fixture(scope='module')
def cloud(file, tmp_path_factory):
    found = start(
        tmp_path_factory.mktemp('templated'), catalog={'driver': 'templated', 'template_file': str(file)}, identity={'cache_seconds': 0}
    )
    yield found
    found.runtime.stop()


def shown(client):
    return {one['type']: one for one in client.ok('GET', '/v3/auth/catalog')['catalog']}


def test_the_catalog_is_what_the_file_says(admin):
    found = shown(admin)
    assert set(found) == {'identity', 'volume'}
    assert found['identity']['name'] == 'Identity Service'
    assert {one['interface']: one['url'] for one in found['identity']['endpoints']} == {
        'public': 'http://cloud.example.org:5000/v3',
        'admin': 'http://10.0.0.1:35357/v3',
    }
    project = admin.session.get_project_id()
    assert {one['region']: one['url'] for one in found['volume']['endpoints']} == {
        'RegionOne': f'http://cloud.example.org:8776/v1/{project}',
        'RegionTwo': f'http://two.example.org:8776/v1/{project}',
    }
    assert shown(admin) == found
    assert admin.session.get_endpoint(service_type='volume', region_name='RegionTwo') == f'http://two.example.org:8776/v1/{project}'


def test_a_changed_file_is_taken_up_and_a_broken_one_is_not(admin, file):
    before = shown(admin)
    file.write_text(TEXT + 'catalog.RegionOne.image.publicURL = http://cloud.example.org:9292\n')
    assert set(shown(admin)) == {'identity', 'volume', 'image'}
    file.write_text('nonsense\n')
    assert set(shown(admin)) == {'identity', 'volume', 'image'}
    file.unlink()
    assert set(shown(admin)) == {'identity', 'volume', 'image'}
    file.write_text(TEXT)
    assert shown(admin) == before


@pytest.mark.parametrize(
    ('line', 'why'),
    [
        ('catalog.RegionOne.identity.publicURL', 'line 2'),
        ('catalog.RegionOne.identity.pubURL = http://x', 'pubURL'),
        ('catalog.RegionOne.identity.publicURL = http://x/$(password)s', 'password'),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, line, why):
    path = tmp_path / 'catalog'
    path.write_text(f'# first\n{line}\n')
    with pytest.raises(ConfigError, match=why):
        TemplatedCatalog(str(path), url_parameters)
