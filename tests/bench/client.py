"""A bare HTTP client, so that the client's own cost stays out of the figures."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.parse
from typing import Any


class Client:
    """Talks to one cloud with one token; one kept-alive connection for each thread and server."""

    def __init__(self, auth_url: str, user: str, password: str, project: str) -> None:
        self.auth_url, self.user, self.password, self.project = auth_url.rstrip('/'), user, password, project
        self._local = threading.local()
        self.token, body = self.authenticate()
        self.project_id = body['project']['id']
        self.catalog = {
            entry['type']: next(e['url'] for e in entry['endpoints'] if e['interface'] == 'public').rstrip('/') for entry in body['catalog']
        }

    def authenticate(self) -> tuple[str, dict[str, Any]]:
        """A new token and its body."""
        identity = {
            'methods': ['password'],
            'password': {'user': {'name': self.user, 'domain': {'id': 'default'}, 'password': self.password}},
        }
        scope = {'project': {'name': self.project, 'domain': {'id': 'default'}}}
        status, headers, data = self.raw(
            'POST', f'{self.auth_url}/auth/tokens', {'auth': {'identity': identity, 'scope': scope}}, token=None
        )
        if status != 201:
            raise RuntimeError(f'authentication failed with {status}: {data[:200]!r}')
        return headers['x-subject-token'], json.loads(data)['token']

    def _connection(self, netloc: str) -> http.client.HTTPConnection:
        held: dict[str, http.client.HTTPConnection] = self._local.__dict__.setdefault('held', {})
        if netloc not in held:
            held[netloc] = http.client.HTTPConnection(netloc, timeout=300)
        return held[netloc]

    def raw(
        self, method: str, url: str, body: Any = None, token: str | None = '', headers: dict[str, str] | None = None
    ) -> tuple[int, Any, bytes]:
        """One request; gives (status, headers, body)."""
        parts = urllib.parse.urlsplit(url)
        sent = {'Accept': 'application/json', **(headers or {})}
        if token is not None:
            sent['X-Auth-Token'] = token or self.token
        data = body
        if isinstance(body, dict | list):
            data = json.dumps(body).encode()
            sent['Content-Type'] = 'application/json'
        connection = self._connection(parts.netloc)
        target = parts.path + (f'?{parts.query}' if parts.query else '')
        try:
            connection.request(method, target, data, sent)
            answer = connection.getresponse()
        except (http.client.HTTPException, ConnectionError):
            connection.close()
            connection.request(method, target, data, sent)
            answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()

    def ask(self, method: str, service: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        """One request that must succeed; gives the parsed body."""
        status, _, data = self.raw(method, self.catalog[service] + path, body, headers=headers)
        if status >= 400:
            raise RuntimeError(f'{method} {service} {path}: {status} {data[:300]!r}')
        return json.loads(data) if data[:1] in (b'{', b'[') else data

    def wait(self, service: str, path: str, member: str, wanted: str, seconds: float = 120) -> dict[str, Any]:
        """The record once its status is `wanted`. Asks at once, then ever more rarely: asking must not be most of what is measured."""
        end, pause = time.monotonic() + seconds, 0.02
        while True:
            record = self.ask('GET', service, path)[member]
            if record['status'].lower() == wanted.lower():
                return dict(record)
            if record['status'].lower() == 'error' or time.monotonic() > end:
                raise RuntimeError(f'{path} is {record["status"]}: {record.get("fault")}')
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)
