"""Image data as objects of an S3 bucket: `<image id>.<upload id>`, so that no two uploads can meet. Large ones go in parts.

The object is whole when `sync` is over; that anybody reads it is decided by the row that knows its key.
"""

from __future__ import annotations

import contextlib
import io
import urllib.parse
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from common.config import ConfigError
from common.errors import NotFound, Unavailable
from image.drivers.base import Body, Store, StoredImage, StoreSetup
from image.drivers.options import S3StoreOptions
from image.drivers.remote_file import RemoteFile, range_of

_MISSING = frozenset({'NoSuchKey', 'NoSuchUpload', 'NoSuchBucket', '404', 'NotFound'})
_PARTS_OF_A_SIZE = 2000
"""S3 takes 10000 parts: after so many, parts get twice as large."""


class S3Store(Store):
    """Objects of one bucket."""

    Options = S3StoreOptions
    driver = 's3'

    def __init__(self, setup: StoreSetup) -> None:
        super().__init__(setup)
        options: S3StoreOptions = setup.options
        self.bucket, self.part_size = options.bucket, options.part_size
        self._options = options
        self.client = _client(options)
        self._bucket_made = not options.create_bucket

    def properties(self) -> dict[str, Any]:
        return {'s3_store_host': self._options.endpoint, 's3_store_bucket': self.bucket, 's3_store_large_object_chunk_size': self.part_size}

    def check(self) -> str | None:
        try:
            self.make_bucket()
            with errors(self.name):
                self.client.head_bucket(Bucket=self.bucket)
        except (Unavailable, NotFound) as error:
            return f'{error.message} {error.admin_detail or ""}'
        return None

    def make_bucket(self) -> None:
        """Make the bucket if that is wished for; once for each process."""
        if self._bucket_made:
            return
        with errors(self.name):
            known = {bucket['Name'] for bucket in self.client.list_buckets()['Buckets']}
            if self.bucket not in known:
                self.client.create_bucket(Bucket=self.bucket)
        self._bucket_made = True

    def begin(self, image_id: str, upload_id: str, size: int | None = None) -> S3Upload:
        self.make_bucket()
        return S3Upload(self, f'{image_id}.{upload_id}')

    def _key(self, image_id: str, url: str) -> str:
        if url:
            return urllib.parse.unquote(urllib.parse.urlsplit(url).path.lstrip('/'))
        for found in self._objects(f'{image_id}.'):
            return str(found['Key'])
        raise NotFound('image data', image_id)

    def open(self, image_id: str, url: str = '', start: int = 0, stop: int | None = None) -> BinaryIO:
        key = self._key(image_id, url)
        return cast(BinaryIO, RemoteFile(lambda first, end: self._get(key, first, end), start, stop))

    def _get(self, key: str, start: int, stop: int | None) -> Body:
        wanted = {'Range': asked} if (asked := range_of(start, stop)) else {}
        with errors(self.name, key):
            answer = self.client.get_object(Bucket=self.bucket, Key=key, **wanted)
        return _S3Body(self.name, answer, start)

    def size(self, image_id: str, url: str = '') -> int:
        key = self._key(image_id, url)
        with errors(self.name, key):
            return int(self.client.head_object(Bucket=self.bucket, Key=key)['ContentLength'])

    def url(self, image_id: str) -> str:
        try:
            return self.url_of(self._key(image_id, ''))
        except NotFound:
            return ''

    def url_of(self, key: str) -> str:
        """Where an object is."""
        return f's3://{self.bucket}/{urllib.parse.quote(key)}'

    def delete(self, image_id: str) -> None:
        self._remove(f'{image_id}.')

    def discard(self, image_id: str, upload_id: str) -> None:
        self._remove(f'{image_id}.{upload_id}')

    def _remove(self, prefix: str) -> None:
        for part in list(self._uploads(prefix)):
            with contextlib.suppress(NotFound), errors(self.name, part['Key']):
                self.client.abort_multipart_upload(Bucket=self.bucket, Key=part['Key'], UploadId=part['UploadId'])
        for found in list(self._objects(prefix)):
            with errors(self.name):
                self.client.delete_object(Bucket=self.bucket, Key=found['Key'])

    def _objects(self, prefix: str = '') -> Iterator[dict[str, Any]]:
        yield from self._pages('list_objects_v2', 'Contents', prefix)

    def _uploads(self, prefix: str = '') -> Iterator[dict[str, Any]]:
        yield from self._pages('list_multipart_uploads', 'Uploads', prefix)

    def _pages(self, operation: str, member: str, prefix: str) -> Iterator[dict[str, Any]]:
        try:
            with errors(self.name, self.bucket):
                for page in self.client.get_paginator(operation).paginate(Bucket=self.bucket, Prefix=prefix):
                    yield from page.get(member, ())
        except NotFound:
            return  # no bucket, nothing in it

    def inventory(self) -> Iterator[StoredImage]:
        for found in self._objects():
            yield StoredImage(found['Key'].split('.')[0], int(found['Size']), False)
        for part in self._uploads():
            yield StoredImage(part['Key'].split('.')[0], 0, True)


def _client(options: S3StoreOptions) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise ConfigError("A store of the driver s3 needs boto3. Install it with: pip install 'pileus[s3]'") from error
    if bool(options.access_key) != bool(options.secret_key):
        raise ConfigError('A store of the driver s3 needs both access_key and secret_key, or neither.')
    config = Config(
        connect_timeout=min(options.timeout, 10.0),
        read_timeout=options.timeout,
        retries={'total_max_attempts': 4, 'mode': 'standard'},
        s3={'addressing_style': options.addressing},
        # Servers that are not Amazon's do not all know the newer checksums. The image's own hash protects the data.
        request_checksum_calculation='when_required',
        response_checksum_validation='when_required',
    )
    return boto3.session.Session().client(
        's3', region_name=options.region, endpoint_url=options.endpoint or None, aws_access_key_id=options.access_key or None,
        aws_secret_access_key=options.secret_key or None, config=config,
    )  # fmt: skip


@contextlib.contextmanager
def errors(store: str, key: str = '') -> Iterator[None]:
    """What goes wrong with the service, as our errors: NotFound where a key is asked for that is not there, else Unavailable."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = str(error.response.get('Error', {}).get('Code', ''))
        if key and code in _MISSING:
            raise NotFound('image data', key) from error
        raise Unavailable(f'The image store {store} refuses or cannot answer ({code}).', admin_detail=str(error)) from error
    except (BotoCoreError, OSError) as error:
        raise Unavailable(f'The image store {store} does not answer.', admin_detail=str(error)) from error


class _S3Body:
    """The body of an object, from a byte on."""

    def __init__(self, store: str, answer: Any, start: int) -> None:
        self._store, self._body = store, answer['Body']
        given = answer.get('ContentRange', '')
        self.start = start if given else 0
        whole = given.rpartition('/')[2] or str(answer['ContentLength'])
        self.size: int | None = int(whole) if whole.isdigit() else None

    def read(self, size: int) -> bytes:
        from urllib3.exceptions import HTTPError

        with errors(self._store):
            try:
                return bytes(self._body.read(size))
            except HTTPError as error:
                raise Unavailable(f'The image store {self._store} broke off.', admin_detail=str(error)) from error

    def close(self) -> None:
        self._body.close()


class S3Upload:
    """One object on its way: held back until a part is full, so at most a part is in memory."""

    def __init__(self, store: S3Store, key: str) -> None:
        self._store, self._key = store, key
        self._held = io.BytesIO()
        self._upload_id = ''
        self._parts: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """Where the object will be."""
        return self._store.url_of(self._key)

    @property
    def _place(self) -> dict[str, Any]:
        return {'Bucket': self._store.bucket, 'Key': self._key}

    def write(self, chunk: bytes) -> None:
        """Append some bytes. Raises Unavailable."""
        view = memoryview(chunk)
        while view:
            room = (self._store.part_size << len(self._parts) // _PARTS_OF_A_SIZE) - self._held.tell()
            self._held.write(view[:room])
            if len(view) >= room:
                self._send_part()
            view = view[room:]

    def _send_part(self) -> None:
        with errors(self._store.name):
            if not self._upload_id:
                self._upload_id = self._store.client.create_multipart_upload(**self._place)['UploadId']
            number = len(self._parts) + 1
            answer = self._store.client.upload_part(**self._place, UploadId=self._upload_id, PartNumber=number, Body=self._held.getvalue())
        self._parts.append({'ETag': answer['ETag'], 'PartNumber': number})
        self._held = io.BytesIO()

    def sync(self) -> None:
        """Make the object whole."""
        if not self._upload_id:
            with errors(self._store.name):
                self._store.client.put_object(**self._place, Body=self._held.getvalue())
            return
        if self._held.tell():
            self._send_part()
        with errors(self._store.name):
            self._store.client.complete_multipart_upload(**self._place, UploadId=self._upload_id, MultipartUpload={'Parts': self._parts})

    def commit(self) -> None:
        """Nothing: the object is whole, and the row that is about to be written knows its key."""

    def abort(self) -> None:
        """Forget the object and its parts."""
        self._held = io.BytesIO()
        if self._upload_id:
            with contextlib.suppress(NotFound), errors(self._store.name, self._key):
                self._store.client.abort_multipart_upload(**self._place, UploadId=self._upload_id)
        with contextlib.suppress(NotFound), errors(self._store.name, self._key):
            self._store.client.delete_object(**self._place)
