"""Rules: what they mean, how an operator replaces them, what they refuse to start with."""

from __future__ import annotations

import os
import types

import pytest

from common.context import Context
from common.errors import Forbidden
from common.policy import ADMIN, ANYONE, MANAGER, MEMBER, NOBODY, READER, SERVICE, SYSTEM_ADMIN, USER, Policy, Rule


def caller(*roles, project='p1', **rest):
    return Context(request_id='r', global_request_id='r', user_id='u1', project_id=project, roles=frozenset(roles), **rest)


def allows(text, ctx, target=None, **rest):
    return Policy([Rule('test:it', text, **rest)]).check(ctx, 'test:it', target)


OWN, OTHER = {'project_id': 'p1', 'user_id': 'u1'}, {'project_id': 'p2', 'user_id': 'u2'}


@pytest.mark.parametrize(
    ('text', 'roles', 'target', 'wanted'),
    [
        (ADMIN, ['admin'], OTHER, True),
        (ADMIN, ['manager', 'member', 'reader'], OWN, False),
        (MANAGER, ['manager', 'member', 'reader'], OWN, True),
        (MANAGER, ['member', 'reader'], OWN, False),
        (MEMBER, ['member', 'reader'], OWN, True),
        (MEMBER, ['member', 'reader'], OTHER, False),
        (MEMBER, ['member', 'reader'], None, True),
        (MEMBER, ['member', 'reader'], {}, False),
        (MEMBER, ['member', 'reader'], {'project_id': None}, False),
        (MEMBER, ['reader'], OWN, False),
        (READER, ['reader'], OWN, True),
        (READER, [], OWN, False),
        (READER, ['admin'], OTHER, True),
        (USER, ['member'], {'user_id': 'u1'}, True),
        (USER, ['member'], {'user_id': 'u2'}, False),
        (ANYONE, [], OTHER, True),
        (NOBODY, ['admin'], OWN, False),
        (SERVICE, ['service'], OTHER, True),
        (SYSTEM_ADMIN, ['admin'], OTHER, False),
        ('not role:member', ['member'], OWN, False),
        ('role:a and (role:b or not role:c)', ['a', 'c'], OWN, False),
        ('role:a and (role:b or not role:c)', ['a'], OWN, True),
        ('role:a and role:b and role:c', ['a', 'b', 'c'], OWN, True),
        ('role:a or role:b or role:c', ['c'], OWN, True),
        ('role:Admin', ['admin'], OWN, True),
        ("'private':%(visibility)s", [], {'visibility': 'private'}, True),
        ("'private':%(visibility)s", [], {'visibility': 'public'}, False),
        ('True:%(shared)s', [], {'shared': True}, True),
        ('True:%(shared)s', [], {'shared': False}, False),
        ('project_id:p1', [], OTHER, True),
        ('nonsense:%(x)s', ['admin'], {'x': 'nonsense'}, False),
        ('', [], OTHER, True),
    ],
)
def test_rules(text, roles, target, wanted):
    assert allows(text, caller(*roles), target) is wanted


def test_system_scope():
    assert allows(SYSTEM_ADMIN, caller('admin', project=None, system_scope='all'), OTHER)


def test_a_caller_without_project_owns_nothing():
    ctx = caller('member', 'reader', project=None)
    assert not allows(MEMBER, ctx, {'project_id': None})
    assert not allows(MEMBER, ctx, {'project_id': 'None'})
    assert not allows(MEMBER, ctx)


def test_scopes():
    assert allows(ADMIN, caller('admin'), scopes=['project'])
    assert not allows(ADMIN, caller('admin', project=None, system_scope='all'), scopes=['project'])
    assert allows(ADMIN, caller('admin', project=None, system_scope='all'), scopes=['system'])
    assert not allows(ADMIN, caller('admin', project=None, domain_id='d'), scopes=['project', 'system'])


def test_a_record_can_be_the_target():
    assert allows(MEMBER, caller('member'), types.SimpleNamespace(project_id='p1'))
    assert not allows(MEMBER, caller('member'), types.SimpleNamespace(project_id='p2'))
    assert not allows(MEMBER, caller('member'), types.SimpleNamespace())


def test_unknown_rules_are_denied():
    policy = Policy([])
    assert not policy.check(caller('admin'), 'test:unknown')
    with pytest.raises(Forbidden) as caught:
        policy.authorize(caller('admin'), 'test:unknown')
    assert 'test:unknown' in caught.value.message


def test_rules_refer_to_rules():
    policy = Policy([Rule('test:own', 'project_id:%(project_id)s'), Rule('test:it', 'role:member and rule:test:own')])
    assert policy.check(caller('member'), 'test:it', OWN)
    assert not policy.check(caller('member'), 'test:it', OTHER)


@pytest.mark.parametrize('text', ['role:a or', '(role:a', 'role:a role:b', 'member', 'rule:test:unknown', 'rule:test:it'])
def test_a_rule_that_cannot_be_read_stops_the_start(text):
    with pytest.raises(ValueError, match='test:'):
        Policy([Rule('test:it', text)])


def test_two_meanings_of_one_name_stop_the_start():
    Policy([Rule('test:it', ADMIN), Rule('test:it', ADMIN)])
    with pytest.raises(ValueError, match='twice'):
        Policy([Rule('test:it', ADMIN), Rule('test:it', MEMBER)])


def test_overrides(tmp_path):
    path = tmp_path / 'policy.yaml'
    path.write_text('"test:it": "role:auditor"\n"own": "project_id:%(project_id)s"\n"test:other": "rule:own"\n')
    policy = Policy([Rule('test:it', ADMIN), Rule('test:other', ADMIN), Rule('test:third', ADMIN)], path)
    assert policy.check(caller('auditor'), 'test:it')
    assert not policy.check(caller('admin'), 'test:it')
    assert policy.check(caller(), 'test:other', OWN)
    assert policy.check(caller('admin'), 'test:third')


@pytest.mark.parametrize('text', ['[1, 2]', '"test:it": 5', 'a: b: c', '"test:it": "(role"'])
def test_overrides_that_cannot_be_read_stop_the_start(tmp_path, text):
    path = tmp_path / 'policy.yaml'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'policy|test:it'):
        Policy([Rule('test:it', ADMIN)], path)


def test_overrides_are_read_again_and_a_broken_file_changes_nothing(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr('common.clock.monotonic', lambda: now[0])
    path = tmp_path / 'policy.yaml'
    policy = Policy([Rule('test:it', ADMIN)], path)
    assert not policy.check(caller('member'), 'test:it')
    for text, stamp, wanted in [('"test:it": "role:member"', 10, True), ('"test:it": "(("', 20, True), ('', 30, False)]:
        path.write_text(text)
        os.utime(path, (stamp, stamp))
        now[0] += 60
        assert policy.check(caller('member'), 'test:it') is wanted


def test_the_sample_names_every_rule(tmp_path):
    policy = Policy([Rule('test:it', ADMIN, 'Do it'), Rule('test:other', MEMBER)])
    sample = policy.sample()
    assert 'Do it' in sample
    path = tmp_path / 'policy.yaml'
    path.write_text(sample.replace('#"', '"'))
    assert Policy([Rule('test:it', NOBODY), Rule('test:other', NOBODY)], path).text_of('test:other') == MEMBER
