"""Contracts: what is refused before anything is sent, and what travels."""

from __future__ import annotations

from typing import Any

import pytest

from common.context import Context
from common.errors import Conflict, InvalidInput, NotFound, OverQuota, PileusError
from common.messaging import Contract, call, cast, fanout
from common.messaging.envelope import Envelope, pack_answer, unpack_answer


class Clock(Contract, topic='clock', revision=3):
    @call(deadline=5)
    def tell(self, zone: str, digits: int | None = None, options: dict[str, Any] | None = None) -> str: ...
    @cast
    def wind(self, turns: float, names: list[str]) -> None: ...
    @fanout
    def stop(self) -> None: ...

    def not_part_of_it(self) -> None: ...


def test_a_contract_knows_its_methods():
    assert {name: method.kind for name, method in Clock.methods.items()} == {'tell': 'call', 'wind': 'cast', 'stop': 'fanout'}
    assert Clock.method('tell').deadline == 5


@pytest.mark.parametrize(
    ('method', 'arguments', 'words'),
    [
        ('tell', {'zone': 'UTC', 'colour': 'red'}, 'does not know colour'),
        ('tell', {}, 'needs zone'),
        ('tell', {'zone': 5}, 'zone is of the wrong type (int)'),
        ('tell', {'zone': None}, 'zone is of the wrong type (NoneType)'),
        ('tell', {'zone': 'UTC', 'digits': '3'}, 'digits is of the wrong type (str)'),
        ('tell', {'zone': 'UTC', 'options': []}, 'options is of the wrong type (list)'),
        ('wind', {'turns': 'many', 'names': []}, 'turns is of the wrong type (str)'),
        ('wind', {'turns': 1, 'names': 'x'}, 'names is of the wrong type (str)'),
        ('stop', {'now': True}, 'does not know now'),
    ],
)
def test_wrong_arguments_are_refused(method, arguments, words):
    with pytest.raises(InvalidInput) as caught:
        Clock.method(method).check('clock', arguments)
    assert words in caught.value.message
    assert caught.value.code == 'contract'


@pytest.mark.parametrize(
    ('method', 'arguments'),
    [
        ('tell', {'zone': 'UTC'}),
        ('tell', {'zone': 'UTC', 'digits': None, 'options': {'a': 1}}),
        ('wind', {'turns': 2, 'names': ('a', 'b')}),
        ('wind', {'turns': 2.5, 'names': []}),
    ],
)
def test_right_arguments_pass(method, arguments):
    Clock.method(method).check('clock', arguments)


def test_a_method_that_there_is_not():
    for name in ('ring', 'not_part_of_it'):
        with pytest.raises(PileusError, match=f'has no method {name}'):
            Clock.method(name)


def test_an_implementation_must_fit():
    class Lacking:
        def tell(self, ctx, zone, digits=None, options=None): ...

    class Narrow(Lacking):
        def wind(self, ctx, turns): ...
        def stop(self, ctx): ...

    class Fitting(Narrow):
        def wind(self, ctx, **rest): ...

    with pytest.raises(TypeError, match='lacks clock.wind'):
        Clock.check_implementation(Lacking())
    with pytest.raises(TypeError, match='names'):
        Clock.check_implementation(Narrow())
    Clock.check_implementation(Fitting())


def envelope(**changes):
    ctx = Context(request_id='req-1', global_request_id='req-0', user_id='u', roles=frozenset({'admin'}), expires_at=5.0)
    values = {
        'topic': 'clock', 'revision': 3, 'method': 'tell', 'arguments': {'zone': 'UTC', 'digits': 3}, 'context': ctx.to_message(),
        'message_id': 'm1', 'deadline': 1234.5, 'reply_to': 'r1',
    }  # fmt: skip
    return Envelope(**{**values, **changes})


def test_an_envelope_survives_the_journey():
    again = Envelope.unpack(envelope().pack())
    assert again == envelope()
    caller = again.caller()
    assert (caller.user_id, caller.global_request_id, caller.deadline, caller.is_admin) == ('u', 'req-0', 1234.5, True)


@pytest.mark.parametrize('data', [b'', b'[]', b'{}', b'{"version": 99}', b'{"version": 1, "topic": "x"}', b'\xff', b'null', b'"pickle"'])
def test_what_is_no_envelope_is_refused(data):
    with pytest.raises(ValueError):
        Envelope.unpack(data)


def test_values_that_are_no_json_are_refused_before_they_are_sent():
    with pytest.raises(TypeError):
        envelope(arguments={'zone': object()}).pack()


@pytest.mark.parametrize(
    'error',
    [
        NotFound('server', 's1', admin_detail='on host h1'),
        Conflict('It is locked.', code='locked', details={'by': 'me'}),
        OverQuota('cores', limit=2, used=2, wanted=1),
        InvalidInput('No.', field='name'),
        PileusError(),
    ],
)
def test_errors_come_back_as_they_were(error):
    with pytest.raises(type(error)) as caught:
        unpack_answer(pack_answer(None, error))
    found = caught.value
    assert type(found) is type(error)
    assert (found.message, found.code, found.details, found.status) == (error.message, error.code, error.details, error.status)
    assert found.admin_detail == error.admin_detail


def test_results_come_back():
    for result in (None, 0, 'x', [1, {'a': None}], {'deep': {'er': [True]}}):
        assert unpack_answer(pack_answer(result, None)) == result
