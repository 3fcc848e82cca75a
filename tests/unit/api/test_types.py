"""Types: what they let through, and what handlers get."""

from __future__ import annotations

import datetime

import pytest

from common.api import types as t
from common.api.schema import Validator
from common.errors import InvalidInput


def read(kind, value):
    kind = t.as_type(kind)
    Validator(kind.schema(), 'x')(value)
    convert = kind.converter()
    return convert(value) if convert is not None and value is not None else value


GOOD = [
    (t.Str, 'a', 'a'),
    (t.Str(None), 'a' * 1000, 'a' * 1000),
    (t.Name, ' a ', 'a'),
    (t.Id, 'a-b_c.1', 'a-b_c.1'),
    (t.Uuid, 'ABCDEFAB-0000-4000-8000-000000000000', 'abcdefab-0000-4000-8000-000000000000'),
    (t.HexId, 'A' * 32, 'a' * 32),
    (t.Mac, 'FA-16-3E-00-00-01', 'fa:16:3e:00:00:01'),
    (t.Ip, '10.0.0.1', '10.0.0.1'),
    (t.Ip(6), 'FD00:0::1', 'fd00::1'),
    (t.Cidr, '10.0.0.0/8', '10.0.0.0/8'),
    (t.Cidr(loose=True), '10.1.2.3/8', '10.0.0.0/8'),
    (t.Cidr(loose=True), '10.1.2.3', '10.1.2.3/32'),
    (t.Bool, 'TRUE', True),
    (t.Bool, 0, False),
    (t.Bool, 'off', False),
    (t.Int(0, 9), '9', 9),
    (t.Int(0, 9), 9.0, 9),
    (t.Int(-5, 9), '-5', -5),
    (t.Enum('Up', 'Down', any_case=True), 'UP', 'Up'),
    (t.DateTime, '2026-01-31T10:00:00Z', datetime.datetime(2026, 1, 31, 10)),
    (t.DateTime, '2026-01-31T10:00:00+02:00', datetime.datetime(2026, 1, 31, 8)),
    (t.List(t.Ip), ['FD00::0', '1.1.1.1'], ['fd00::', '1.1.1.1']),
    (t.Map(t.Bool), {'a': 'yes'}, {'a': True}),
    (t.Obj({'n': t.Int, 'm': t.Str}), {'n': '5'}, {'n': 5}),
    (t.Obj, {'anything': 1}, {'anything': 1}),
    (t.Str | None, None, None),
    (t.Int(0, 5) | None, None, None),
    (t.Enum('a') | None, None, None),
    (t.Bool | None, None, None),
    (t.OneOf(t.Enum('auto', 'none'), t.List(t.Int(0, 5))), 'auto', 'auto'),
    (t.OneOf(t.Enum('auto', 'none'), t.List(t.Int(0, 5))), ['3'], [3]),
    (t.Uri, 'https://h:5000/v3', 'https://h:5000/v3'),
    (t.Base64, 'aGVsbG8=', 'aGVsbG8='),
    (t.Number(0, 1), 0.5, 0.5),
    ({'type': 'integer'}, 5, 5),
]

BAD = [
    (t.Str, 'a' * 256),
    (t.Str, 5),
    (t.Str, None),
    (t.Str(5, min=1), ''),
    (t.Str(pattern=r'^[a-z]+$'), 'abc\n'),
    (t.Name, '   '),
    (t.Name, 'a\nb'),
    (t.Name, ''),
    (t.Id, 'a/b'),
    (t.Id, ''),
    (t.Id, 'a' * 65),
    (t.Id, 'a\n'),
    (t.Uuid, 'x'),
    (t.Uuid, 'abcdefab-0000-4000-8000-000000000000\n'),
    (t.Uuid, 'abcdefab00004000800000000000000000'),
    (t.HexId, 'g' * 32),
    (t.Mac, '01:00:5e:00:00:01'),
    (t.Mac, '00:00:00:00:00:00'),
    (t.Mac, 'fa:16-3e:00:00:01'),
    (t.Ip, '10.0.0.01'),
    (t.Ip, '10.0.0.1/8'),
    (t.Ip, 'fe80::1%lo'),
    (t.Ip(4), 'fd00::1'),
    (t.Ip(6), '1.1.1.1'),
    (t.Cidr, '10.0.0.1/8'),
    (t.Cidr, '10.0.0.0'),
    (t.Cidr, '10.0.0.0/33'),
    (t.Cidr, '10.0.0.0/255.0.0.0'),
    (t.Cidr, '10.0.0.0/+8'),
    (t.Cidr(6), '10.0.0.0/8'),
    (t.Bool, 'maybe'),
    (t.Bool, 2),
    (t.Bool(strict=True), 'true'),
    (t.Int(0, 9), 10),
    (t.Int(0, 9), '10'),
    (t.Int(0, 9), '9 '),
    (t.Int(0, 9), '٩'),
    (t.Int(0, 9), True),
    (t.Int, 2**31),
    (t.Int, '9' * 400),
    (t.Int(strict=True), '5'),
    (t.Enum('a', 'b'), 'A'),
    (t.Enum('a'), None),
    (t.DateTime, 'yesterday'),
    (t.DateTime, '2026-13-01T00:00:00Z'),
    (t.DateTime, '0001-01-01T00:00:00+14:00'),
    (t.List(t.Int(0, 5)), [6]),
    (t.List(t.Int, max=1), [1, 2]),
    (t.List(t.Int, unique=True), [1, 1]),
    (t.Map(t.Str(5)), {'a': 'abcdef'}),
    (t.Map(t.Str), {'': 'a'}),
    (t.Map(t.Str), {'a' * 256: 'a'}),
    (t.Map(t.Str, max=1), {'a': '1', 'b': '2'}),
    (t.Obj({'n': t.Int}), {'m': 5}),
    (t.Obj({'n': t.Int}, required=['n']), {}),
    (t.Obj, []),
    (t.Uri, 'ftp://h'),
    (t.Uri, 'http://'),
    (t.Uri, 'http://h/\n'),
    (t.Uri, 'http://h:99999/'),
    (t.Base64, '!!!'),
    (t.Number(0, 1), 2),
]


@pytest.mark.parametrize(('kind', 'value', 'wanted'), GOOD, ids=lambda value: repr(value)[:40])
def test_good_values_are_converted(kind, value, wanted):
    assert read(kind, value) == wanted


@pytest.mark.parametrize(('kind', 'value'), BAD, ids=lambda value: repr(value)[:40])
def test_bad_values_are_refused_in_words(kind, value):
    with pytest.raises(InvalidInput) as caught:
        read(kind, value)
    message = caught.value.message
    assert 'data' not in message
    assert 'pl-' not in message
    assert 'x' in message


def test_a_union_says_what_both_are():
    assert (t.Uuid() | None).says.endswith('or null')
    with pytest.raises(TypeError):
        t.as_type('uuid')
