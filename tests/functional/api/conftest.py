"""The real pipeline of a service, on a real port, with real tokens."""

from __future__ import annotations

import importlib
import json
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from paste.deploy import loadapp

from common import clock
from common.api import Application
from common.ids import new_hex_id
from common.metrics import Metrics
from common.runtime import REGISTRY, LiveObjects
from common.service.wsgi import HttpServer
from common.tokens import Claims, Revocations, SigningKeys, TokenSigner, TokenVerifier, new_audit_id
from tests.functional.api.neighbours import Neighbours
from tests.functional.cloud import running

ROOT = pathlib.Path(__file__).resolve().parents[3]


class Cloud:
    """Signs tokens and serves applications through their own `etc/<service>/api-paste.ini`."""

    def __init__(self, directory: pathlib.Path) -> None:
        keys = SigningKeys(directory / 'keys')
        keys.create()
        self._signer = TokenSigner(keys)
        self.verifier = TokenVerifier(keys, Revocations())
        self._servers: list[HttpServer] = []

    def token(self, project: str, *roles: str) -> str:
        now = clock.timestamp()
        return self._signer.issue(
            Claims(
                user_id=new_hex_id(),
                user_domain_id='default',
                project_id=project,
                project_domain_id='default',
                roles=frozenset(roles or ('member', 'reader')),
                issued_at=now,
                expires_at=now + 600,
                audit_ids=(new_audit_id(),),
            )
        )

    def serve(self, application: Application) -> str:
        """The address of the service."""
        key = f'test.{id(application)}'
        REGISTRY[key] = LiveObjects(application.service, application, self.verifier, 'http://identity/v3', Metrics(), {}, None)
        pipeline = loadapp(f'config:{ROOT / "etc" / application.service / "api-paste.ini"}', name='main', global_conf={'runtime': key})
        server = HttpServer(pipeline, '127.0.0.1', 0, threads=4)
        server.start()
        self._servers.append(server)
        return f'http://127.0.0.1:{server.port}'

    def close(self) -> None:
        for server in self._servers:
            server.stop()
        for key in [key for key in REGISTRY if key.startswith('test.')]:
            del REGISTRY[key]


@pytest.fixture(scope='module')
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    found = Cloud(tmp_path_factory.mktemp('cloud'))
    yield found
    found.close()


class Session:
    """Calls a service over HTTP with a token."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False
        if token:
            self._session.headers['X-Auth-Token'] = token

    def __call__(self, method: str, path: str, body: Any = None, **rest: Any) -> requests.Response:
        if body is not None:
            rest['data'] = json.dumps(body)
            rest.setdefault('headers', {})['Content-Type'] = 'application/json'
        return self._session.request(method, self.url + path, timeout=120, **rest)


@pytest.fixture
def session() -> Callable[[str, str | None], Session]:
    return Session


@pytest.fixture
def document_module(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example of `docs/add-a-resource.md`, as a module."""
    text = (ROOT / 'docs' / 'add-a-resource.md').read_text()
    code = text.split('```python\n', 1)[1].split('\n```', 1)[0]
    (tmp_path / 'documented_address_groups.py').write_text(code + '\n')
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module('documented_address_groups')
    sys.modules.pop('documented_address_groups', None)


@pytest.fixture(scope='session')
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    """A whole simulated cloud with two projects, of which one has one of everything."""
    with running(tmp_path_factory.mktemp('neighbours')) as cloud:
        yield Neighbours(cloud)
