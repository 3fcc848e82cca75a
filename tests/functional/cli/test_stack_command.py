"""The words of `tools/stack`: what it is not asked to do it does not do."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

STACK = pathlib.Path(__file__).parents[3] / 'tools' / 'stack'


def run(folder: pathlib.Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    variables = {'PATH': os.environ['PATH'], 'HOME': str(folder), **variables}
    return subprocess.run([str(STACK), *words], cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize('words', [('--help',), ('up', '--help'), ('up', '--simulated', '-h'), ('down', '--help')])
def test_help_installs_nothing(tmp_path: pathlib.Path, words: tuple[str, ...]) -> None:
    answer = run(tmp_path, *words, '--state', 'cloud')
    assert answer.returncode == 0 and 'tools/stack up' in answer.stdout
    assert not list(tmp_path.iterdir())


def test_a_word_that_nobody_knows_is_named_before_anything_is_done(tmp_path: pathlib.Path) -> None:
    answer = run(tmp_path, 'up', '--simulatd', '--state', 'cloud')
    assert answer.returncode == 64 and '--simulatd' in answer.stderr
    assert not list(tmp_path.iterdir())


def test_a_relative_folder_is_meant_from_where_the_user_stands(tmp_path: pathlib.Path) -> None:
    fake = tmp_path / 'venv' / 'bin' / 'python'
    fake.parent.mkdir(parents=True)
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    answer = run(tmp_path, 'status', '--state', 'cloud', PILEUS_VENV=str(tmp_path / 'venv'))
    assert answer.stdout.split()[-2:] == ['--state', f'{tmp_path}/cloud']


@pytest.mark.parametrize('kind', ['distributed simulated=True hosts=1', 'embedded simulated=False hosts=1'])
def test_a_folder_of_another_kind_of_cloud_is_left_alone(tmp_path: pathlib.Path, kind: str) -> None:
    (tmp_path / 'stack.mode').write_text(kind)
    words = [sys.executable, '-m', 'pileus.stack', 'up', '--simulated', '--state', str(tmp_path)]
    answer = subprocess.run(words, cwd=STACK.parents[1], capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 1 and kind in answer.stderr and 'down --purge' in answer.stderr
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {'stack.mode', '.lock'}
