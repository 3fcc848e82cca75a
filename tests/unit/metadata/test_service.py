"""The metadata API as a WSGI application: who may ask, what is remembered."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import webob

from common import clock
from common import metadata_signature as signature
from common.errors import NotFound, PileusError, Unavailable
from metadata.app import MetadataService, read_vendor_data
from metadata.lookup import Lookup
from tests.unit.metadata.test_rendering import UUID, server

KEY = b'secret'


class Compute:
    """Stands for the other end of the broker; counts questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def describe(self, server_id: str) -> Any:
        self.asked.append(server_id)
        assert self.gate.wait(60)
        if self.error:
            raise self.error
        if server_id != UUID:
            raise NotFound('server', server_id)
        return server()


def service(compute: Compute, seconds: float = 60.0) -> MetadataService:
    return MetadataService(Lookup(compute.describe, seconds), KEY)


def get(
    app: MetadataService, path: str, server_id: str | None = UUID, project: str = 'p1', method: str = 'GET', **headers: str
) -> webob.Response:
    request = webob.Request.blank(path, method=method)
    if server_id:
        request.headers[signature.INSTANCE_HEADER] = server_id
        request.headers[signature.PROJECT_HEADER] = project
        request.headers[signature.SIGNATURE_HEADER] = signature.sign(KEY, server_id)
    for name, value in headers.items():
        request.headers[name.replace('_', '-')] = value
    return request.get_response(app)


@pytest.mark.parametrize(
    'path, starts',
    [
        ('/', b'1.0\n'),
        ('/latest', b'meta-data/\nuser-data'),
        ('/latest/', b'meta-data/\nuser-data'),
        ('/2009-04-04/meta-data/instance-id', b'i-'),
        ('/latest/meta-data/public-keys/0/openssh-key', b'ssh-ed25519'),
        ('/openstack', b'2012-08-10\n'),
        ('/openstack/latest/meta_data.json', b'{'),
        ('/latest/user-data', b'#!/bin/sh'),
    ],
)
def test_served_paths(path: str, starts: bytes) -> None:
    response = get(service(Compute()), path)
    assert response.status_int == 200 and response.body.startswith(starts)


@pytest.mark.parametrize(
    'path',
    ['/1999-01-01/meta-data', '/openstack/1999-01-01/meta_data.json', '/latest/meta-data/none', '/metrics', '/openstack/latest/none'],
)
def test_unknown_paths(path: str) -> None:
    assert get(service(Compute()), path).status_int == 404


def test_types() -> None:
    app = service(Compute())
    assert get(app, '/openstack/latest/meta_data.json').content_type == 'application/json'
    assert get(app, '/latest/meta-data/').content_type == 'text/plain'
    assert get(app, '/openstack/latest/user_data').content_type == 'application/octet-stream'


def test_who_asks_must_be_proved() -> None:
    compute = Compute()
    app = service(compute)
    assert get(app, '/latest/meta-data', server_id=None).status_int == 400
    assert get(app, '/latest/meta-data', X_Instance_ID_Signature='0' * 64).status_int == 403
    assert get(app, '/latest/meta-data', X_Instance_ID_Signature='\xe4').status_int == 403
    assert get(app, '/latest/meta-data', X_Instance_ID='another').status_int == 403
    assert compute.asked == []
    assert get(app, '/latest/meta-data', project='p2').status_int == 404


def test_only_reading() -> None:
    assert get(service(Compute()), '/latest/meta-data', method='DELETE').status_int == 405


def test_unknown_server_and_compute_away() -> None:
    compute = Compute()
    assert get(service(compute), '/latest/meta-data', server_id='x').status_int == 404
    compute.error = Unavailable()
    response = get(service(compute), '/latest/meta-data')
    assert response.status_int == 503 and response.headers['Retry-After'] == '1'


def test_remembered_for_some_seconds() -> None:
    compute = Compute()
    app = service(compute)
    for _ in range(3):
        get(app, '/latest/meta-data')
    assert compute.asked == [UUID]
    forgetful = service(compute, seconds=0)
    for _ in range(3):
        get(forgetful, '/latest/meta-data')
    assert len(compute.asked) == 4


def test_questions_at_the_same_time_are_one() -> None:
    compute = Compute()
    compute.gate.clear()
    lookup = Lookup(compute.describe, 60.0)
    together = threading.Barrier(9)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(lambda: together.wait(60) >= 0 and lookup.get(UUID)) for _ in range(8)]
        together.wait(60)
        clock.sleep(0.1)  # in which all of them come to ask
        compute.gate.set()
        assert [answer.result(60)['uuid'] for answer in answers] == [UUID] * 8
    assert len(compute.asked) == 1


def test_failures_are_not_remembered() -> None:
    compute = Compute()
    lookup = Lookup(compute.describe, 60.0)
    compute.error = Unavailable()
    with pytest.raises(Unavailable):
        lookup.get(UUID)
    compute.error = None
    assert lookup.get(UUID)['uuid'] == UUID


def test_memory_is_bounded() -> None:
    lookup = Lookup(lambda server_id: server(uuid=server_id), 60.0, size=3)
    for number in range(10):
        lookup.get(str(number))
    assert len(lookup._known) == 3


def test_secret_is_configured_or_made_of_the_service_password() -> None:
    assert signature.secret(signature.MetadataOptions(shared_secret='x'), 'pw') == b'x'
    made = signature.secret(signature.MetadataOptions(), 'pw')
    assert made == signature.secret(signature.MetadataOptions(), 'pw') != signature.secret(signature.MetadataOptions(), 'other')
    assert b'pw' not in made


def test_vendor_data_file(tmp_path: Any) -> None:
    file = tmp_path / 'v.json'
    file.write_text('{"a": 1}')
    assert read_vendor_data(str(file)) == {'a': 1} and read_vendor_data('') == {}
    file.write_text('[]')
    with pytest.raises(PileusError):
        read_vendor_data(str(file))
