"""`identity-manage policy`: what an operator learns from it who has written a rule, or wonders about a refusal."""

from __future__ import annotations

import pytest

from common.config import Settings
from common.errors import InvalidInput
from common.policy_commands import manage


@pytest.fixture
def say(tmp_path, capsys):
    """Runs a command with overrides; gives its status and what it printed."""

    def run(*arguments, overrides=''):
        file = tmp_path / 'policy.yaml'
        file.write_text(overrides)
        status = manage('identity', [*arguments, '--file', str(file)], Settings.load())
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    return run


def test_a_refusal_says_what_was_compared(say):
    token = ('--domain', 'D', '--role', 'manager', '--role', 'member')
    status, text = say('check', 'identity:users:take_over', *token, '--target', 'domain_id=E', '--target', 'reach=abroad')
    assert status == 1 and text.startswith('denied')
    assert 'no  domain_id:%(domain_id)s    (token: D, asked about: E)' in text
    assert "no  'domain':%(reach)s    (reach: abroad)" in text
    assert say('check', 'identity:users:take_over', *token)[0] == 0


def test_a_difference_says_for_whom(say):
    status, text = say('diff', overrides='"identity:regions:create": "role:member"\n')
    assert status == 0
    assert "may now, on somebody else's: system manager, system member, project manager, project member" in text
    assert 'may no longer' not in text and 'in no default' not in text
    status, text = say('diff', overrides='"identity:users:show": "role:admin"\n')
    assert 'may no longer, on their own: system manager' in text and 'nobody (no role)' in text


def test_slips_are_named(say):
    status, text = say('diff', overrides='"identity:user:list": "@"\n"identity:users:list": "role:admn"\n')
    assert status == 1
    assert 'is it identity:users:list' in text and 'the role admn is in no default' in text
    with pytest.raises(InvalidInput, match='is it identity:users:list'):
        say('check', 'identity:user:list', '--role', 'admin')


def test_a_rule_that_cannot_be_read_is_said_in_one_line(say):
    status, text = say('diff', overrides='"identity:users:list": "role:admin or nonsense(("\n')
    assert status == 1 and text.count('\n') == 1 and 'cannot be read' in text
