"""A small client for the APIs of the cloud, as one service uses another's."""

from __future__ import annotations

import json as json_module
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from common import errors
from common.clock import timestamp
from common.context import Context
from common.errors import PileusError, Unauthorized, Unavailable
from common.rest.transport import Answer, Transport

TIMEOUT = 60.0
_RENEW_BEFORE = 120.0  # seconds before its end that a token is replaced
_CLASSES = {
    400: errors.InvalidInput, 401: errors.Unauthorized, 403: errors.Forbidden, 404: errors.NotFound, 405: errors.MethodNotAllowed,
    409: errors.Conflict, 410: errors.Gone, 412: errors.PreconditionFailed, 413: errors.TooLarge, 416: errors.RangeNotSatisfiable,
    429: errors.TooManyRequests, 501: errors.NotImplementedHere, 503: errors.Unavailable, 504: errors.DeadlineExceeded,
}  # fmt: skip


class ServiceToken:
    """The token of a service user, asked for when it is first needed and again shortly before it ends."""

    def __init__(self, transport: Transport, identity_url: str, user: str, password: str, project: str) -> None:
        self._transport, self._url = transport, f'{identity_url}/v3/auth/tokens'
        self._user, self._password, self._project = user, password, project
        self._lock = threading.Lock()
        self._token: str | None = None
        self._expires_at = 0.0

    def get(self) -> str:
        """A valid token. Raises Unavailable when identity does not answer, Unauthorized when it refuses."""
        token = self._token  # which another thread may forget at any moment
        if token is not None and timestamp() < self._expires_at - _RENEW_BEFORE:
            return token
        with self._lock:
            token = self._token
            if token is None or timestamp() >= self._expires_at - _RENEW_BEFORE:
                token = self._ask()
            return token

    def forget(self) -> None:
        """It was refused; the next `get` asks anew."""
        self._token = None

    def _ask(self) -> str:
        domain = {'id': 'default'}
        user = {'name': self._user, 'domain': domain, 'password': self._password}
        body = {
            'auth': {
                'identity': {'methods': ['password'], 'password': {'user': user}},
                'scope': {'project': {'name': self._project, 'domain': domain}},
            }
        }
        data = json_module.dumps(body).encode()
        answer = self._transport.send('POST', self._url + '?nocatalog=1', {'Content-Type': 'application/json'}, data, 30.0)
        text = answer.read()
        if answer.status != 201:
            raise Unauthorized(
                'The services of this cloud cannot sign in. Run identity-manage bootstrap.', admin_detail=f'{self._user}: {answer.status}'
            )
        self._expires_at = _seconds(json_module.loads(text)['token']['expires_at'])
        self._token = token = answer.headers['x-subject-token']
        return token


def _seconds(text: str) -> float:
    import datetime

    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


class RestClient:
    """Requests to one service, with JSON in and out.

    Errors come back as the classes of `common.errors`; a service that is away raises Unavailable, which a step of an
    operation may meet as often as it likes.

    :param token: a service's own, or a fixed text to act as a user
    :param ctx: whose request ids go along; the deadline of the context bounds each request
    """

    def __init__(self, transport: Transport, url: str, token: ServiceToken | str, service_type: str, ctx: Context | None = None) -> None:
        self._transport, self._url, self._token, self._type, self._ctx = transport, url, token, service_type, ctx

    def with_context(self, ctx: Context) -> RestClient:
        """The same client on behalf of another request."""
        return RestClient(self._transport, self._url, self._token, self._type, ctx)

    def acting_as(self, token: str) -> RestClient:
        """The same client with a user's token: what follows is done with that user's rights."""
        return RestClient(self._transport, self._url, token, self._type, self._ctx)

    def get(self, path: str, **rest: Any) -> Any:
        """The parsed body of a GET."""
        return self.request('GET', path, **rest)

    def post(self, path: str, json: Any = None, **rest: Any) -> Any:
        """The parsed body of a POST."""
        return self.request('POST', path, json=json, **rest)

    def put(self, path: str, json: Any = None, **rest: Any) -> Any:
        """The parsed body of a PUT."""
        return self.request('PUT', path, json=json, **rest)

    def patch(self, path: str, json: Any = None, **rest: Any) -> Any:
        """The parsed body of a PATCH."""
        return self.request('PATCH', path, json=json, **rest)

    def delete(self, path: str, **rest: Any) -> Any:
        """The parsed body of a DELETE, usually None."""
        return self.request('DELETE', path, **rest)

    def request(
        self, method: str, path: str, *, json: Any = None, data: bytes | Iterable[bytes] | None = None,
        headers: dict[str, str] | None = None, version: str | None = None, timeout: float = TIMEOUT,
    ) -> Any:  # fmt: skip
        """One request.

        :param json: a body to be rendered; `data`: one that goes as it is
        :param version: a microversion
        :returns: the parsed body; None for an empty one
        :raises: PileusError of the class that fits the status
        """
        answer = self._send(method, path, json, data, headers, version, timeout)
        text = answer.read()
        if answer.status >= 400:
            raise error_of(answer.status, text)
        return json_module.loads(text) if text else None

    def at(self, url: str) -> RestClient:
        """The same client, signed in alike, for another endpoint of the cloud."""
        return RestClient(self._transport, url, self._token, self._type, self._ctx)

    def open(self, path: str, *, headers: dict[str, str] | None = None, timeout: float = TIMEOUT) -> Answer:
        """The answer to a GET, its body in pieces; the caller closes it. Raises as `request` does."""
        answer = self._send('GET', path, None, None, {'Accept': '*/*', **(headers or {})}, None, timeout)
        if answer.status >= 400:
            raise error_of(answer.status, answer.read())
        return answer

    def stream(self, path: str, timeout: float = TIMEOUT, offset: int = 0) -> Iterator[bytes]:
        """The body of a GET in pieces, from a byte on. Raises as `request` does, before the first piece or at a broken connection."""
        answer = self.open(path, headers={'Range': f'bytes={offset}-'} if offset else None, timeout=timeout)
        pieces = _streamed(answer)
        return pieces if answer.status == 206 or not offset else _without(pieces, offset)

    def _send(self, method: str, path: str, json: Any, data: Any, headers: Any, version: str | None, timeout: float) -> Answer:
        sent = {'Accept': 'application/json', **(headers or {})}
        if json is not None:
            data = json_module.dumps(json, separators=(',', ':')).encode()
            sent['Content-Type'] = 'application/json'
        if version is not None:
            sent['OpenStack-API-Version'] = f'{self._type} {version}'
        if self._ctx is not None:
            sent['X-OpenStack-Request-ID'] = self._ctx.global_request_id
            timeout = self._left(timeout)
            if self._ctx.deadline is not None:
                sent['X-Pileus-Deadline'] = f'{timeout:.3f}'
        for attempt in (1, 2):
            token = self._token if isinstance(self._token, str) else self._token.get()
            answer = self._transport.send(method, self._url + path, {**sent, 'X-Auth-Token': token}, data, timeout)
            if answer.status != 401 or attempt == 2 or isinstance(self._token, str):
                return answer
            answer.read()
            self._token.forget()
        raise AssertionError('unreachable')

    def _left(self, timeout: float) -> float:
        if self._ctx is None or self._ctx.deadline is None:
            return timeout
        left = self._ctx.deadline - timestamp()
        if left <= 0:
            raise errors.DeadlineExceeded('The time for this request is over.')
        return min(timeout, left)


def _streamed(answer: Answer) -> Iterator[bytes]:
    try:
        yield from answer.pieces
    finally:
        answer.close()


def _without(pieces: Iterator[bytes], count: int) -> Iterator[bytes]:
    """All but the first bytes, for an answer that is the whole where a part was asked for."""
    for piece in pieces:
        if len(piece) > count:
            yield piece[count:]
        count = max(0, count - len(piece))


def error_of(status: int, body: bytes) -> PileusError:
    """The error that an answer tells of, whatever dialect it is written in."""
    message = _message(body)
    if status == 403 and ('quota' in message.lower() or 'exceed' in message.lower()):
        made: PileusError = errors.Forbidden(message, code='over_quota')
    elif status == 404:
        made = errors.NotFound(message=message)
    elif status >= 500 and status not in _CLASSES:
        made = Unavailable(admin_detail=message)
    else:
        made = _CLASSES.get(status, PileusError)(message)
    return made


def _message(body: bytes) -> str:
    try:
        found = json_module.loads(body)
    except ValueError:
        return body[:300].decode(errors='replace') or 'no message'
    while isinstance(found, dict) and found:
        if isinstance(found.get('message'), str):
            return str(found['message'])
        found = next(iter(found.values()))
    return str(found)[:300]
