"""`<service>-manage`: the same words for every service, on the folder of a cloud."""

from __future__ import annotations

import importlib
import pathlib
from collections.abc import Iterator

import pytest

from tests.functional.cli.conftest import Cloud

SERVICES = ('identity', 'compute', 'image', 'volume', 'network', 'scheduler')


@pytest.fixture(scope='module')
def state(cloud: Cloud) -> Iterator[pathlib.Path]:
    """The folder of a cloud that runs, with one setting of the operator's own."""
    own = cloud.state / 'local.conf'
    own.write_text('[service]\ndrain = 7\n')
    yield cloud.state
    own.unlink()


def run(service: str, *words: str) -> int:
    return int(importlib.import_module(f'{service}.manage').main([*words]))


@pytest.mark.parametrize('service', SERVICES)
def test_every_service_has_the_common_words(service: str, state: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(state)
    assert run(service, '--state', folder, 'db', 'check') == 0
    assert f'{service}.db: up to date' in capsys.readouterr().out
    assert run(service, '--state', folder, 'config', 'show') == 0
    assert '[service] drain = 7' in capsys.readouterr().out.replace('7.0', '7')
    assert run(service, '--state', folder, 'policy', 'list') == 0
    assert f'"{service}:' in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        run(service, '--help')
    assert ended.value.code == 0 and 'db sync [REVISION] | version | check' in capsys.readouterr().out


def test_workers_are_listed_in_every_deployment(state: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run('compute', '--state', str(state), 'service', 'list') == 0
    said = capsys.readouterr().out
    assert 'nova-compute' in said and ':-)' in said


def test_the_scheduler_lists_hosts_with_their_room(state: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run('scheduler', '--state', str(state), 'host', 'list') == 0
    assert 'vm-0001' in capsys.readouterr().out
    assert run('scheduler', '--state', str(state), 'explain', 'nobody') == 1


def test_a_folder_without_a_cloud_is_named_and_stays_empty(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run('network', '--state', str(tmp_path), 'db', 'version') == 1
    assert f'{tmp_path}/pileus.conf' in capsys.readouterr().err
    (tmp_path / 'pileus.conf').write_text(f'[service]\nstate_dir = {tmp_path}\n')
    monkeypatch.setenv('PILEUS_CONF', str(tmp_path / 'pileus.conf'))
    assert run('network', 'db', 'version') == 1
    assert 'There is no database' in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ['pileus.conf']
