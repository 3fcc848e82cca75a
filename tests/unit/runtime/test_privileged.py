"""The only door to commands that run as root."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys

import pytest

from common import privileged
from common.errors import PileusError, Transient
from common.privileged import CommandFailed, CommandMissing, commands


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Puts a script in the place of an allowed command."""

    def make(name, text):
        path = tmp_path / name
        path.write_text(f'#!/bin/sh\n{text}\n')
        path.chmod(0o755)
        monkeypatch.setattr(sys.modules['common.privileged.run'], 'find', lambda wanted: str(path) if wanted == name else None)
        monkeypatch.setattr(os, 'geteuid', lambda: 0)

    return make


def test_only_commands_of_the_list():
    for name in ('sh', 'bash', 'rm', '/sbin/ip', 'python3', 'ip;sh'):
        with pytest.raises(PileusError, match='not in the list'):
            privileged.run([name, '-c', 'id'])


def test_commands_are_looked_up_in_the_systems_own_folders(monkeypatch, tmp_path):
    fake = tmp_path / 'ip'
    fake.write_text('#!/bin/sh\n')
    fake.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    found = commands.find('ip')
    assert found is None or not found.startswith(str(tmp_path))


def test_output_and_status(tool):
    tool('ip', 'echo out; echo err >&2; cat')
    done = privileged.run(['ip', 'link'], stdin='secret\n')
    assert (done.status, done.stdout, done.stderr) == (0, 'out\nsecret\n', 'err\n')


def test_arguments_reach_the_command_as_they_are(tool):
    tool('ip', 'for word in "$@"; do echo "<$word>"; done')
    assert privileged.run(['ip', 'a b', '$(id)', ';', '*', '']).stdout == '<a b>\n<$(id)>\n<;>\n<*>\n<>\n'


def test_a_failure_names_the_command_and_not_its_arguments(tool):
    tool('tgtadm', 'echo "it broke" >&2; exit 3')
    with pytest.raises(CommandFailed) as caught:
        privileged.run(['tgtadm', '--password', 'hunter2'])
    error = caught.value
    assert isinstance(error, Transient)
    assert (error.status, error.message) == (3, 'The command tgtadm failed on the host.')
    assert 'it broke' in error.admin_detail
    assert 'hunter2' not in error.message + error.admin_detail
    assert privileged.run(['tgtadm'], check=False).status == 3


@pytest.fixture
def hanging(tool, tmp_path):
    """Makes a command that never ends; gives a function that tells which such there still are."""
    os.mkfifo(tmp_path / 'never-written')

    def make(name):
        tool(name, f'exec cat {tmp_path}/never-written')

    def running():
        found = []
        for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
            with contextlib.suppress(OSError):
                found += [path] if str(tmp_path) in path.read_text() else []
        return found

    return make, running


@pytest.mark.parametrize('attended', [False, True])
def test_a_command_that_hangs_is_ended(hanging, attended):
    make, running = hanging
    make('ip')
    with pytest.raises(Transient, match='did not end'):
        privileged.run(['ip'], timeout=0.2, while_waiting=(lambda: None) if attended else None)
    assert running() == []


def test_what_is_called_while_it_runs_may_end_it(tool, hanging):
    make, running = hanging
    make('qemu-img')
    looks = []

    def look():
        looks.append(len(running()))
        if len(looks) == 2:
            raise Transient('That is enough.')

    with pytest.raises(Transient, match='enough'):
        privileged.run(['qemu-img'], timeout=120, while_waiting=look)
    assert looks == [1, 1]
    assert running() == []
    tool('qemu-img', 'cat; exit 3')
    done = privileged.run(['qemu-img'], stdin='words', check=False, while_waiting=look)
    assert (done.status, done.stdout) == (3, 'words')


def test_a_missing_command_is_no_reason_to_try_again(monkeypatch):
    monkeypatch.setattr(sys.modules['common.privileged.run'], 'find', lambda name: None)
    with pytest.raises(CommandMissing) as caught:
        privileged.run(['ipset', 'list'])
    assert not isinstance(caught.value, Transient)
    assert 'ipset is not installed' in caught.value.message


def test_the_environment_is_ours(tool, monkeypatch):
    monkeypatch.setenv('OS_PASSWORD', 'hunter2')
    tool('ip', 'env')
    text = privileged.run(['ip'], environment={'X': 'y'}).stdout
    assert 'hunter2' not in text
    assert 'LC_ALL=C' in text
    assert 'X=y' in text


def test_a_namespace_and_sudo_come_before_the_command(tool, monkeypatch):
    seen = []

    class Done:
        returncode, stdout, stderr = 0, '', ''

    tool('ip', '')
    monkeypatch.setattr(os, 'geteuid', lambda: 1000)
    monkeypatch.setattr('subprocess.run', lambda words, **rest: seen.append(words) or Done())
    privileged.run(['ip', 'link'], netns='pl-1')
    assert [pathlib.Path(word).name for word in seen[0]] == ['sudo', '-n', 'ip', 'netns', 'exec', 'pl-1', 'ip', 'link']
