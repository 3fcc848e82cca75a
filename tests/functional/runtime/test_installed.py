"""What an installed distribution holds: everything that a cloud needs to start, without the source tree."""

from __future__ import annotations

import pathlib
import subprocess
import sys

TREE = pathlib.Path(__file__).parents[3]
_LIVE = """
import sys; sys.path.append(sys.argv[2])
import pathlib, common, urllib.request
assert common.__file__.startswith(sys.argv[1]), common.__file__
from tests.functional.cloud import running
with running(pathlib.Path(sys.argv[3])) as cloud:
    for name, port in sorted(cloud.ports.items()):
        print(name, urllib.request.urlopen(f'http://127.0.0.1:{port}/healthcheck', timeout=30).status)
"""


def test_a_cloud_starts_from_what_is_installed(tmp_path: pathlib.Path) -> None:
    installed = tmp_path / 'installed'
    installed.mkdir()
    setup = [
        'egg_info',
        '--egg-base',
        str(tmp_path),
        'build_py',
        '--build-lib',
        str(installed),
        'install_data',
        '--install-dir',
        str(installed),
    ]
    _run([sys.executable, '-c', 'import setuptools; setuptools.setup()', *setup], TREE)
    said = _run([sys.executable, '-c', _LIVE, str(installed), str(TREE), str(tmp_path / 'state')], tmp_path, PYTHONPATH=str(installed))
    assert said.split() == [
        'compute',
        '200',
        'identity',
        '200',
        'image',
        '200',
        'metadata',
        '200',
        'network',
        '200',
        'scheduler',
        '200',
        'volume',
        '200',
    ]
    assert not (installed / 'tests').exists()


def _run(command: list[str], folder: pathlib.Path, **variables: str) -> str:
    done = subprocess.run(command, cwd=folder, env={'PATH': '/usr/bin:/bin', **variables}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
