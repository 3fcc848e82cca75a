"""Image data as objects of a Swift container: `<image id>.<upload id>`, so that no two uploads can meet.

What is larger than a segment, or of unknown size, goes as segments into a container of their own, and gets a manifest (a static large
object) that makes them one. The object is whole when `sync` is over; that anybody reads it is decided by the row that knows its name.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from common.config import ConfigError
from common.errors import NotFound, Unavailable
from image.drivers.base import Body, Store, StoredImage, StoreSetup
from image.drivers.options import SwiftStoreOptions
from image.drivers.remote_file import RemoteFile, range_of

_PAGE = 1000
_NAME_DIGITS = 8


class SwiftStore(Store):
    """Objects of one container, and their segments in another."""

    Options = SwiftStoreOptions
    driver = 'swift'

    def __init__(self, setup: StoreSetup) -> None:
        super().__init__(setup)
        options: SwiftStoreOptions = setup.options
        if not options.auth_url or not options.username:
            raise ConfigError(f'[image_store_{setup.name}] needs auth_url, username and password.')
        self._options = options
        self.container, self.segments = options.container, f'{options.container}_segments'
        self.segment_size = options.segment_size
        self._session = _session(options)
        self._containers_made = False

    def properties(self) -> dict[str, Any]:
        return {'container': self.container, 'large_object_size': self.segment_size, 'large_object_chunk_size': self.segment_size}

    def check(self) -> str | None:
        try:
            self.ask('HEAD', '')
        except (Unavailable, NotFound) as error:
            return f'{error.message} {error.admin_detail or ""}'
        return None

    # -- requests

    def endpoint(self) -> str:
        """The URL of the account. Raises Unavailable."""
        with _errors(self.name):
            found = self._session.get_endpoint(
                service_type='object-store', interface=self._options.interface, region_name=self._options.region or None
            )
        if not found:
            raise Unavailable(f'The cloud of image store {self.name} has no object store.')
        return str(found)

    def ask(self, method: str, path: str, *, missing_ok: bool = False, **kwargs: Any) -> Any:
        """One request; `path` is below the account. Raises NotFound, Unavailable."""
        url = self.endpoint() + path
        with _errors(self.name, path):
            answer = self._session.request(url, method, raise_exc=False, redirect=False, connect_retries=1, **kwargs)
        if answer.status_code == 404:
            if missing_ok:
                return answer
            raise NotFound('image data', path.rpartition('/')[2])
        if not 200 <= answer.status_code < 300:
            answer.close()
            raise Unavailable(f'The image store {self.name} answers with status {answer.status_code}.', admin_detail=f'{method} {path}')
        return answer

    def token(self) -> str:
        """A token that is valid for a while. Raises Unavailable."""
        with _errors(self.name):
            return str(self._session.get_token())

    @property
    def timeout(self) -> float:
        """Seconds the object store may be silent."""
        return self._options.timeout

    def _make_containers(self) -> None:
        if not self._containers_made:
            for name in (self.container, self.segments):
                self.ask('PUT', f'/{quoted(name)}')
            self._containers_made = True

    # -- what a store does

    def begin(self, image_id: str, upload_id: str, size: int | None = None) -> SwiftUpload:
        self._make_containers()
        # Gets a new token where the one at hand is not valid any more: the stream that follows could not be sent twice.
        self.ask('HEAD', f'/{quoted(self.container)}')
        return SwiftUpload(self, f'{image_id}.{upload_id}', whole=size is not None and size <= self.segment_size)

    def _path(self, image_id: str, url: str) -> str:
        if url:
            parts = urllib.parse.urlsplit(url)
            return f'/{parts.netloc}{parts.path}'
        for found in self._objects(self.container, f'{image_id}.'):
            return f'/{quoted(self.container)}/{quoted(found["name"])}'
        raise NotFound('image data', image_id)

    def open(self, image_id: str, url: str = '', start: int = 0, stop: int | None = None) -> BinaryIO:
        path = self._path(image_id, url)
        return cast(BinaryIO, RemoteFile(lambda first, end: self._get(path, first, end), start, stop))

    def _get(self, path: str, start: int, stop: int | None) -> Body:
        headers = {'Range': asked} if (asked := range_of(start, stop)) else {}
        return _SwiftBody(self.name, self.ask('GET', path, headers=headers, stream=True), start)

    def size(self, image_id: str, url: str = '') -> int:
        return int(self.ask('HEAD', self._path(image_id, url)).headers['Content-Length'])

    def url(self, image_id: str) -> str:
        try:
            return f'swift:/{self._path(image_id, "")}'
        except NotFound:
            return ''

    def delete(self, image_id: str) -> None:
        self._remove(f'{image_id}.')

    def discard(self, image_id: str, upload_id: str) -> None:
        self._remove(f'{image_id}.{upload_id}')

    def _remove(self, prefix: str) -> None:
        for container in (self.container, self.segments):
            for found in list(self._objects(container, prefix)):
                self.ask('DELETE', f'/{quoted(container)}/{quoted(found["name"])}', missing_ok=True)

    def remove_upload(self, name: str) -> None:
        """Forget an object and its segments."""
        self._remove(name)

    def _objects(self, container: str, prefix: str = '') -> Iterator[dict[str, Any]]:
        marker = ''
        while True:
            query = urllib.parse.urlencode({'format': 'json', 'limit': _PAGE, 'prefix': prefix, 'marker': marker})
            answer = self.ask('GET', f'/{quoted(container)}?{query}', missing_ok=True, headers={'Accept': 'application/json'})
            found: list[dict[str, Any]] = answer.json() if answer.status_code == 200 else []
            yield from found
            if len(found) < _PAGE:
                return
            marker = found[-1]['name']

    def inventory(self) -> Iterator[StoredImage]:
        whole = set()
        for found in self._objects(self.container):
            whole.add(found['name'])
            yield StoredImage(found['name'].split('.')[0], int(found['bytes']), False)
        for found in self._objects(self.segments):
            name = found['name'].rpartition('/')[0]
            if name not in whole:
                yield StoredImage(name.split('.')[0], int(found['bytes']), True)


def quoted(name: str) -> str:
    """A name as part of a path."""
    return urllib.parse.quote(name)


def _session(options: SwiftStoreOptions) -> Any:
    from keystoneauth1 import session
    from keystoneauth1.identity import v3

    auth = v3.Password(
        options.auth_url, username=options.username, password=options.password, project_name=options.project,
        user_domain_name=options.user_domain, project_domain_name=options.project_domain,
    )  # fmt: skip
    return session.Session(auth, timeout=options.timeout, user_agent='pileus')


@contextlib.contextmanager
def _errors(store: str, what: str = '') -> Iterator[None]:
    import requests
    from keystoneauth1 import exceptions
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (exceptions.ClientException, requests.RequestException, HTTPError, http.client.HTTPException, OSError) as error:
        raise Unavailable(f'The image store {store} does not answer.', admin_detail=f'{what}: {error}') from error


class _SwiftBody:
    """The body of an object, from a byte on."""

    def __init__(self, store: str, answer: Any, start: int) -> None:
        self._store, self._answer = store, answer
        self.start = start if answer.status_code == 206 else 0
        given = answer.headers.get('Content-Range', '') if answer.status_code == 206 else ''
        whole = given.rpartition('/')[2] or answer.headers.get('Content-Length', '')
        self.size: int | None = int(whole) if whole.isdigit() else None

    def read(self, size: int) -> bytes:
        with _errors(self._store):
            return bytes(self._answer.raw.read(size))

    def close(self) -> None:
        self._answer.close()


class SwiftUpload:
    """One object on its way, streamed: a request per segment stays open while its bytes arrive.

    :param whole: whether it fits into one object, without manifest
    """

    def __init__(self, store: SwiftStore, name: str, *, whole: bool) -> None:
        self._store, self._name, self._whole = store, name, whole
        self._connection: http.client.HTTPConnection | None = None
        self._sent = 0
        self._segments: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """Where the object will be."""
        return f'swift://{quoted(self._store.container)}/{quoted(self._name)}'

    def _next_path(self) -> str:
        if self._whole:
            return f'/{quoted(self._store.container)}/{quoted(self._name)}'
        number = str(len(self._segments) + 1).zfill(_NAME_DIGITS)
        return f'/{quoted(self._store.segments)}/{quoted(self._name)}/{number}'

    def write(self, chunk: bytes) -> None:
        """Append some bytes. Raises Unavailable."""
        view = memoryview(chunk)
        while view:
            room = len(view) if self._whole else self._store.segment_size - self._sent
            piece = bytes(view[:room])
            with _errors(self._store.name):
                self._opened().send(b'%x\r\n%b\r\n' % (len(piece), piece))
            self._sent += len(piece)
            view = view[room:]
            if not self._whole and self._sent >= self._store.segment_size:
                self._end_segment()

    def _opened(self) -> http.client.HTTPConnection:
        if self._connection is None:
            parts = urllib.parse.urlsplit(self._store.endpoint())
            kind = http.client.HTTPSConnection if parts.scheme == 'https' else http.client.HTTPConnection
            self._connection = kind(parts.netloc, timeout=self._store.timeout)
            self._connection.putrequest('PUT', parts.path + self._next_path())
            self._connection.putheader('X-Auth-Token', self._store.token())
            self._connection.putheader('Content-Type', 'application/octet-stream')
            self._connection.putheader('Transfer-Encoding', 'chunked')
            self._connection.endheaders()
        return self._connection

    def _end_segment(self) -> None:
        path = self._next_path()
        with _errors(self._store.name, path):
            connection = self._opened()
            connection.send(b'0\r\n\r\n')
            answer = connection.getresponse()
            answer.read()
            etag = (answer.headers.get('ETag') or '').strip('"')
        connection.close()
        self._connection = None
        if answer.status != 201:
            raise Unavailable(f'The image store {self._store.name} answers with status {answer.status}.', admin_detail=f'PUT {path}')
        self._segments.append({'path': urllib.parse.unquote(path), 'etag': etag, 'size_bytes': self._sent})
        self._sent = 0

    def sync(self) -> None:
        """Make the object whole."""
        if self._whole:
            self._end_segment()
            return
        if self._sent:
            self._end_segment()
        path = f'/{quoted(self._store.container)}/{quoted(self._name)}'
        if not self._segments:
            self._store.ask('PUT', path, data=b'')
            return
        self._store.ask('PUT', f'{path}?multipart-manifest=put', data=json.dumps(self._segments).encode())

    def commit(self) -> None:
        """Nothing: the object is whole, and the row that is about to be written knows its name."""

    def abort(self) -> None:
        """Forget the object and its segments."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._store.remove_upload(self._name)
