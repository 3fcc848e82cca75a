"""Imports and tasks as the clients of OpenStack ask for them: openstacksdk, `openstack`, and `glance`."""

from __future__ import annotations

import functools
import io
import json
import os
import pathlib
import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from pileus import settings as state_files
from tests.functional.cloud import TestCloud, eventually, running
from tests.functional.image.web import Web
from tests.openstack_shell import forget_clients

DATA = os.urandom(20_000)
OPTIONS = {'stores': 'one:filesystem,two:filesystem', 'allowed_networks': '127.0.0.0/8', 'import_allowed_ports': '1-65535'}
CLOUD = functools.partial(running, image=OPTIONS)
Shell = Callable[..., str]


@pytest.fixture(scope='module')
def file(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    path = tmp_path_factory.mktemp('data') / 'disk.img'
    path.write_bytes(DATA)
    return path


def arguments(cloud: TestCloud, user: str) -> list[str]:
    """How a command signs in."""
    given = {
        'auth-url': cloud.auth_url, 'username': user, 'password': state_files.secret(cloud.state, f'{user}-password'), 'project-name': user,
        'user-domain-id': 'default', 'project-domain-id': 'default',
    }  # fmt: skip
    return [part for name, value in given.items() for part in (f'--os-{name}', value)]


@pytest.fixture
def glance(here: TestCloud, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The `glance` command, within this process; gives what it prints."""
    from glanceclient.shell import OpenStackImagesShell

    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.setattr(sys, 'stdin', types.SimpleNamespace(isatty=lambda: True, closed=False))

    def run(*words: str, user: str = 'demo') -> str:
        capsys.readouterr()
        OpenStackImagesShell().main([*arguments(here, user), *words])
        return capsys.readouterr().out

    return run


@pytest.fixture
def openstack(here: TestCloud, capsys: pytest.CaptureFixture[str]) -> Shell:
    """The `openstack` command of the administrator; gives what it prints as JSON."""
    from openstackclient.shell import OpenStackShell

    def run(*words: str) -> Any:
        capsys.readouterr()
        forget_clients()  # those of another cloud, which an earlier test may have left
        assert OpenStackShell().run([*arguments(here, 'admin'), *words]) == 0, capsys.readouterr().err
        out = capsys.readouterr().out
        return json.loads(out) if out.strip() else None

    return run


def table(text: str) -> dict[str, str]:
    """The first two columns of what `glance` prints."""
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in text.splitlines() if line.startswith('|')]
    return {row[0]: row[1] for row in rows if len(row) > 1}


def active(sdk: Any, image: str) -> Any:
    return eventually(lambda: (found := sdk.image.get_image(image)).status == 'active' and found, what=f'image {image}')


def test_openstacksdk(here: TestCloud, web: Web) -> None:
    sdk, admin = here.sdk('demo'), here.sdk()
    assert 'web-download' in sdk.image.get_import_info().import_methods['value']
    new = {'name': 'sdk', 'disk_format': 'raw', 'container_format': 'bare'}
    image = sdk.image.create_image(**new, allow_duplicates=True)
    sdk.image.stage_image(image, data=io.BytesIO(DATA), size=len(DATA))
    assert sdk.image.get_image(image.id).status == 'uploading'
    sdk.image.import_image(image, store='two')
    assert active(sdk, image.id).properties['stores'] == 'two' and sdk.image.download_image(image).content == DATA
    admin.image.import_image(admin.image.get_image(image.id), 'copy-image', all_stores=True, all_stores_must_succeed=True)
    eventually(lambda: sdk.image.get_image(image.id).properties['stores'] == 'one,two', what='the copy')
    from_web = sdk.image.create_image(**new, allow_duplicates=True)
    sdk.image.import_image(from_web, 'web-download', uri=web.url)
    active(sdk, from_web.id)
    at_once = sdk.image.create_image(**new, data=DATA, use_import=True, allow_duplicates=True, wait=True, timeout=60)
    assert active(sdk, at_once.id).size == len(DATA)
    other = sdk.image.create_image(**new, allow_duplicates=True)
    where = {'remote_region': 'RegionOne', 'remote_image_id': image.id, 'remote_service_interface': 'public'}
    sdk.image.import_image(other, 'glance-download', **where)
    active(sdk, other.id)
    assert [task.type for task in sdk.image.image_tasks(image.id)] == ['api_image_import'], (
        "the administrator's task is the administrator's"
    )


def test_openstacksdk_tasks(here: TestCloud, web: Web) -> None:
    sdk = here.sdk()
    given = {'import_from': web.url, 'import_from_format': 'raw', 'image_properties': {'disk_format': 'raw', 'container_format': 'bare'}}
    task = sdk.image.create_task(type='import', input=given)
    done = sdk.image.wait_for_task(task, interval=0.05, wait=60)
    assert done.status == 'success' and sdk.image.get_image(done.result['image_id']).status == 'active'
    assert done.id in [one.id for one in sdk.image.tasks()] and done.expires_at
    assert sdk.image.get_tasks_schema().properties['tasks'] and sdk.image.get_task_schema().properties['input']


def test_openstack_command(here: TestCloud, openstack: Shell, web: Web, file: pathlib.Path) -> None:
    assert 'glance-direct' in str(openstack('image', 'import', 'info', '-f', 'json'))
    sdk = here.sdk()
    image = sdk.image.create_image(name='osc', disk_format='raw', container_format='bare', allow_duplicates=True).id
    openstack('image', 'stage', '--file', str(file), image)
    openstack('image', 'import', '-f', 'json', image)
    assert active(sdk, image).size == len(DATA)
    image = sdk.image.create_image(name='osc', disk_format='raw', container_format='bare', allow_duplicates=True).id
    openstack('image', 'import', '--method', 'web-download', '--uri', web.url, '--allow-failure', '--all-stores', '-f', 'json', image)
    assert active(sdk, image).properties['stores'] == 'one,two'
    task = next(sdk.image.tasks()).id
    assert openstack('image', 'task', 'show', '-f', 'json', task)['status'] == 'success'
    assert task in [row['ID'] for row in openstack('image', 'task', 'list', '-f', 'json')]


def test_glance_command(here: TestCloud, glance: Shell, web: Web, file: pathlib.Path) -> None:
    sdk = here.sdk('demo')
    assert 'glance' in glance('import-info')
    formats = ['--disk-format', 'raw', '--container-format', 'bare']
    made = table(glance('image-create-via-import', *formats, '--name', 'via', '--file', str(file)))
    assert active(sdk, made['id']).size == len(DATA)
    made = table(glance('image-create-via-import', *formats, '--import-method', 'web-download', '--uri', web.url, '--stores', 'one,two'))
    assert active(sdk, made['id']).properties['stores'] == 'one,two'
    image = table(glance('image-create', *formats))['id']
    glance('image-stage', '--file', str(file), image)
    assert table(glance('image-import', image))['status'] in ('importing', 'active', 'uploading')
    active(sdk, image)
    assert 'success' in glance('image-tasks', image)


def test_glance_tasks(here: TestCloud, glance: Shell, web: Web) -> None:
    given = {'import_from': web.url, 'import_from_format': 'raw', 'image_properties': {'disk_format': 'raw', 'container_format': 'bare'}}
    task = table(glance('task-create', '--type', 'import', '--input', json.dumps(given), user='admin'))['id']
    assert task in glance('task-list', user='admin')
    eventually(lambda: table(glance('task-show', task, user='admin'))['status'] == 'success', what='the task')
