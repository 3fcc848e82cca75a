"""The MariaDB that a distributed cloud brings along, when it is made for the first time."""

from __future__ import annotations

import pytest

from pileus import daemons
from tests import servers

pytestmark = pytest.mark.skipif(servers.missing('mysql') is not None, reason=str(servers.missing('mysql')))


def test_temporary_tables_of_other_servers_are_left_alone(tmp_path, monkeypatch):
    everybodys = tmp_path / 'tmp'
    everybodys.mkdir()
    anothers = everybodys / '#sql-temptable-3f18-1-4.MAI'
    anothers.touch()
    monkeypatch.setenv('TMPDIR', str(everybodys))
    daemons.mariadb(daemons.Daemons(tmp_path / 'state'), ['identity'])
    assert anothers.exists()


def test_one_that_was_broken_off_while_it_was_made_is_made_anew(tmp_path):
    home = tmp_path / 'mariadb'
    (home / 'data.new' / 'mysql').mkdir(parents=True)
    daemon, url = daemons.mariadb(daemons.Daemons(tmp_path), ['identity'])
    assert (home / 'data' / 'mysql' / 'global_priv.MAD').exists()
    assert not (home / 'data.new').exists()
    assert daemons.mariadb(daemons.Daemons(tmp_path), ['identity'])[1] == url, 'the second time nothing is made'
    password = (home / 'password').read_text()
    assert password in url
    assert password not in ' '.join(daemon.command)
    assert (home / 'password').stat().st_mode & 0o77 == 0


def test_why_it_could_not_be_made_is_said(tmp_path, monkeypatch):
    broken = tmp_path / 'bin' / 'mariadb-install-db'
    broken.parent.mkdir()
    broken.write_text('#!/bin/sh\necho "the disk is full"\nexit 1\n')
    broken.chmod(0o755)
    monkeypatch.setenv('PATH', f'{broken.parent}:/usr/bin:/bin')
    with pytest.raises(daemons.Unavailable) as raised:
        daemons.mariadb(daemons.Daemons(tmp_path), ['identity'])
    assert 'the disk is full' in raised.value.admin_detail
    assert not (tmp_path / 'mariadb' / 'data').exists()
