"""As much of S3 as a store of images uses, in memory, over real HTTP."""

from __future__ import annotations

import contextlib
import http.server
import re
import threading
import urllib.parse
import uuid
from collections.abc import Iterator
from xml.sax.saxutils import escape

_PAGE = 3


class S3Server:
    """Buckets and what is in them. `objects` and `uploads` (unfinished ones): (bucket, key) -> data, upload id -> (bucket, key, parts)."""

    def __init__(self) -> None:
        self.buckets: set[str] = set()
        self.objects: dict[tuple[str, str], bytes] = {}
        self.uploads: dict[str, tuple[str, str, dict[int, bytes]]] = {}
        self.url = ''
        self.gone = False
        self.asked: list[str | None] = []  # the Range of every question about an object, None where there was none
        self.break_after: int | None = None  # bytes of an object after which the connection ends


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    wbufsize = -1
    disable_nagle_algorithm = True
    held: S3Server

    def handle_expect_100(self) -> bool:
        """Tell the client at once to go on."""
        told = super().handle_expect_100()
        self.wfile.flush()
        return told

    def parse_request(self) -> bool:
        """Kept connections end with the server."""
        if self.held.gone:
            self.close_connection = True
            return False
        return super().parse_request()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""

    def _answer(self, status: int, body: bytes | str = b'', **headers: str) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', headers.pop('length', str(len(data))))
        self.end_headers()
        if self.command != 'HEAD':
            most = self.held.break_after if self.held.break_after and len(data) > self.held.break_after else None
            self.wfile.write(data[:most])
            self.close_connection = self.close_connection or most is not None

    def _error(self, status: int, code: str) -> None:
        self._answer(status, f'<Error><Code>{code}</Code><Message>{code}</Message></Error>')

    def _asked(self) -> tuple[str, str, dict[str, str], bytes]:
        parts = urllib.parse.urlsplit(self.path)
        bucket, _, key = urllib.parse.unquote(parts.path.lstrip('/')).partition('/')
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        return bucket, key, query, self.rfile.read(int(self.headers.get('Content-Length') or 0))

    def do_PUT(self) -> None:
        bucket, key, query, data = self._asked()
        if not key:
            self.held.buckets.add(bucket)
        elif bucket not in self.held.buckets:
            return self._error(404, 'NoSuchBucket')
        elif 'uploadId' in query:
            if query['uploadId'] not in self.held.uploads:
                return self._error(404, 'NoSuchUpload')
            self.held.uploads[query['uploadId']][2][int(query['partNumber'])] = data
        else:
            self.held.objects[bucket, key] = data
        self._answer(200, ETag='"x"')
        return None

    def do_POST(self) -> None:
        bucket, key, query, data = self._asked()
        if 'uploads' in query:
            made = uuid.uuid4().hex
            self.held.uploads[made] = (bucket, key, {})
            return self._answer(200, f'<InitiateMultipartUploadResult><UploadId>{made}</UploadId></InitiateMultipartUploadResult>')
        if query['uploadId'] not in self.held.uploads:
            return self._error(404, 'NoSuchUpload')
        _, _, parts = self.held.uploads.pop(query['uploadId'])
        named = [int(number) for number in re.findall(rb'<PartNumber>(\d+)</PartNumber>', data)]
        assert named == sorted(parts)
        self.held.objects[bucket, key] = b''.join(parts[number] for number in named)
        self._answer(200, '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>')
        return None

    def do_DELETE(self) -> None:
        bucket, key, query, _ = self._asked()
        if 'uploadId' in query:
            if self.held.uploads.pop(query['uploadId'], None) is None:
                return self._error(404, 'NoSuchUpload')
        else:
            self.held.objects.pop((bucket, key), None)
        self._answer(204)
        return None

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        bucket, key, query, _ = self._asked()
        if not bucket:
            names = ''.join(f'<Bucket><Name>{name}</Name></Bucket>' for name in self.held.buckets)
            return self._answer(200, f'<ListAllMyBucketsResult><Buckets>{names}</Buckets></ListAllMyBucketsResult>')
        if bucket not in self.held.buckets:
            return self._error(404, 'NoSuchBucket')
        if not key:
            return self._list(bucket, query)
        data = self.held.objects.get((bucket, key))
        if data is None:
            return self._error(404, 'NoSuchKey')
        self.held.asked.append(f'HEAD {key}' if self.command == 'HEAD' else self.headers.get('Range'))
        match = re.match(r'bytes=(\d+)-(\d*)', self.headers.get('Range', ''))
        if match is None:
            return self._answer(200, data, length=str(len(data)))
        start, last = int(match[1]), min(int(match[2] or len(data)), len(data) - 1)
        if start >= len(data):
            return self._error(416, 'InvalidRange')
        self._answer(206, data[start : last + 1], Content_Range=f'bytes {start}-{last}/{len(data)}')
        return None

    def _list(self, bucket: str, query: dict[str, str]) -> None:
        prefix = query.get('prefix', '')
        if 'uploads' in query:
            found = [
                f'<Upload><Key>{escape(key)}</Key><UploadId>{made}</UploadId></Upload>'
                for made, (where, key, _) in self.held.uploads.items()
                if where == bucket and key.startswith(prefix)
            ]
            return self._answer(200, f'<ListMultipartUploadsResult>{"".join(found)}</ListMultipartUploadsResult>')
        after = query.get('continuation-token', '')
        keys = sorted(key for where, key in self.held.objects if where == bucket and key.startswith(prefix) and key > after)
        page = keys[:_PAGE]
        rows = ''.join(f'<Contents><Key>{escape(key)}</Key><Size>{len(self.held.objects[bucket, key])}</Size></Contents>' for key in page)
        more = f'<IsTruncated>true</IsTruncated><NextContinuationToken>{escape(page[-1])}</NextContinuationToken>' if keys[_PAGE:] else ''
        self._answer(200, f'<ListBucketResult>{rows}{more}</ListBucketResult>')
        return None


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Clients may go when they like."""


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server that runs within the block."""
    held = S3Server()
    server = _Server(('127.0.0.1', 0), type('Handler', (_Handler,), {'held': held}))
    held.url = f'http://127.0.0.1:{server.server_port}'
    threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True).start()
    try:
        yield held
    finally:
        held.gone = True
        server.shutdown()
        server.server_close()
