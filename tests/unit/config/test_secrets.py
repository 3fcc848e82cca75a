"""Passwords in files, and drivers by name."""

from __future__ import annotations

import pytest

from common.config import ConfigError
from common.drivers import BUILT_IN, load
from common.secrets import ensure_secret, new_password, write_secret


def test_a_password_is_made_once_and_kept(tmp_path):
    path = tmp_path / 'run' / 'password'
    first = ensure_secret(path)
    assert ensure_secret(path) == first
    assert len(first) == 32
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_empty_file_is_no_password(tmp_path):
    path = tmp_path / 'password'
    path.write_text('\n')
    assert len(ensure_secret(path, 20)) == 20


def test_writing_replaces_and_stays_private(tmp_path):
    path = tmp_path / 'password'
    path.write_text('old')
    path.chmod(0o644)
    write_secret(path, 'new')
    assert path.read_text() == 'new'
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ['password']


def test_passwords_differ_and_need_no_quoting():
    found = {new_password() for _ in range(50)}
    assert len(found) == 50
    assert all(password.isalnum() for password in found)


def test_an_unknown_driver_lists_the_known_ones():
    with pytest.raises(ConfigError) as caught:
        load('compute.virt', 'libvrit')
    assert "'libvrit'" in caught.value.message
    assert 'libvirt, simulated' in caught.value.message


@pytest.mark.parametrize(('kind', 'name'), [(kind, name) for kind, names in BUILT_IN.items() for name in names if name != 'libvirt'])
def test_built_in_drivers_can_be_loaded(kind, name):
    assert isinstance(load(kind, name), type)
