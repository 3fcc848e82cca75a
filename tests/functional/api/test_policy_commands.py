"""`<service>-manage policy`: the rules in force, what a file changes, and whether somebody may."""

from __future__ import annotations

import importlib
import pathlib
import re

import pytest

from common.manage import run
from tests.functional.api.test_every_route import SERVICES

OWN = ['--project', 'p1', '--role', 'member', '--role', 'reader']


def ask(service: str, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = run(service, f'{service}.db', ['policy', *words])
    said = capsys.readouterr()
    return status, said.out + said.err


@pytest.fixture
def overrides(tmp_path: pathlib.Path) -> pathlib.Path:
    return tmp_path / 'policy.yaml'


@pytest.mark.parametrize('service', SERVICES)
def test_the_list_holds_every_rule_that_a_route_asks(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out = ask(service, capsys, 'list')
    listed = set(re.findall(r'^"([^"]+)": ', out, re.MULTILINE))
    asked = {
        name for resource in importlib.import_module(f'{service}.api').RESOURCES for route in resource.routes for name in route.policy_names
    }
    assert status == 0 and asked and asked <= listed, asked - listed


def test_check_says_who_may_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    status, out = ask('compute', capsys, 'check', 'compute:servers:delete', *OWN)
    assert status == 0 and out.startswith('allowed')
    status, out = ask('compute', capsys, 'check', 'compute:servers:delete', *OWN, '--target', 'project_id=p2')
    assert status == 1 and out.startswith('denied')
    assert re.search(r'yes +role:member', out) and re.search(r'no +project_id:%\(project_id\)s', out) and re.search(r'no +role:admin', out)
    status, out = ask('compute', capsys, 'check', 'compute:servers:delete', '--role', 'admin', '--target', 'project_id=p2')
    assert status == 0


def test_diff_shows_what_a_file_changes(overrides: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides.write_text('"compute:servers:delete": "role:admin"\n')
    status, out = ask('compute', capsys, 'diff', '--file', str(overrides))
    assert status == 0 and '+ "compute:servers:delete": "role:admin"' in out and '- "compute:servers:delete": "' in out
    status, out = ask('compute', capsys, 'check', 'compute:servers:delete', *OWN, '--file', str(overrides))
    assert status == 1 and 'compute:servers:delete: role:admin' in out
    assert '# overridden' in ask('compute', capsys, 'list', '--file', str(overrides))[1]


def test_mistakes_in_a_file_are_told(overrides: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides.write_text('"compute:servers:delet": "role:admin"\n')
    status, out = ask('compute', capsys, 'diff', '--file', str(overrides))
    assert status == 1 and 'no such rule' in out
    overrides.write_text('"compute:servers:delete": "rule:nowhere"\n')
    status, out = ask('compute', capsys, 'diff', '--file', str(overrides))
    assert status == 1 and 'nowhere' in out


def test_an_unknown_rule_and_a_bad_target(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask('network', capsys, 'check', 'network:no:such')[0] == 1
    assert ask('network', capsys, 'check', 'network:networks:list', '--target', 'x')[0] == 1
