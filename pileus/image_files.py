"""Files into images and images into files: streamed, hashed on the way, and continued where a connection broke."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from common.errors import Conflict, InvalidInput, NotFound, PileusError, Unavailable
from pileus.apis import NoAnswer

if TYPE_CHECKING:
    from pileus.apis import Apis

CHUNK = 1 << 20
_PIECE = 1 << 16  # what is lost when a connection breaks
_TRIES = 8  # in a row without a byte of progress
_PAUSE, _LONGEST_PAUSE = 0.5, 16  # seconds before the second try, and how many times as long it becomes: a service has 40 s to come back
_SENDS = 3  # of data whose connection breaks
_GIVEN_BACK = 120.0  # seconds in which a service that has died takes note that nobody sends any more
_OCTETS = {'Content-Type': 'application/octet-stream'}
Report = Callable[[int, int], None]
"""(bytes so far, bytes in all) -> nothing."""


def _quiet(done: int, total: int) -> None:
    """No progress is shown."""


@dataclasses.dataclass(frozen=True)
class Wish:
    """An image to be made. `if_not_exists`: one of this name in the own project that has data is taken as it is."""

    path: pathlib.Path
    name: str
    disk_format: str = ''
    container_format: str = 'bare'
    visibility: str = ''
    properties: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tags: tuple[str, ...] = ()
    min_disk: int = 0
    min_ram: int = 0
    protected: bool = False
    if_not_exists: bool = False


class _Sent:
    """A file as the body of a request: says its length, hashes and reports what is read."""

    def __init__(self, file: BinaryIO, size: int, report: Report) -> None:
        self._file, self._size, self._report = file, size, report
        self._done = 0
        self.hashes = {'sha512': hashlib.sha512(), 'md5': hashlib.md5(usedforsecurity=False)}

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        """The next piece, larger than what is asked for: who asks sends whatever it gets."""
        piece = self._file.read(CHUNK)
        for digest in self.hashes.values():
            digest.update(piece)
        self._done += len(piece)
        self._report(self._done, self._size)
        return piece

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b'')


def upload(apis: Apis, wish: Wish, report: Report = _quiet) -> tuple[dict[str, Any], bool]:
    """Make an image of a file.

    :returns: the image as the API shows it, and whether it was made now
    :raises: InvalidInput (no such file), Conflict (other data arrived than were sent), and what the service answers; an image that
        was made here and got no data is removed again
    """
    if not wish.path.is_file():
        raise InvalidInput(f'{wish.path} is not a file.')
    found = _existing(apis, wish.name) if wish.if_not_exists else None
    if found is not None and found['status'] not in ('queued',):
        return found, False
    image = found or apis.request('POST', 'image', '/v2/images', json=_body(wish)).json()
    try:
        hashes = _send(apis, image['id'], wish.path, report)
        shown: dict[str, Any] = apis.get('image', f'/v2/images/{image["id"]}')
        _check(shown, hashes)
    except BaseException:
        if found is None:
            with contextlib.suppress(PileusError):
                apis.request('DELETE', 'image', f'/v2/images/{image["id"]}')
        raise
    return shown, True


def _send(apis: Apis, image_id: str, path: pathlib.Path, report: Report) -> dict[str, str]:
    """Send a file, again from its beginning where the connection breaks; gives its hashes. Raises what the service answers, NoAnswer."""
    for left in reversed(range(_SENDS)):
        with path.open('rb') as file:
            body = _Sent(file, os.fstat(file.fileno()).st_size, report)
            try:
                apis.request('PUT', 'image', f'/v2/images/{image_id}/file', data=body, headers=_OCTETS, once=True)
                break
            except NoAnswer:
                status = _settled(apis, image_id) if left else ''
                if status == 'active':  # all had come, and only the answer was lost
                    break
                if status != 'queued':
                    raise
    return {name: digest.hexdigest() for name, digest in body.hashes.items()}


def _settled(apis: Apis, image_id: str) -> str:
    """The status of an image once the service is back and has noticed that an upload broke off; '' when that does not come about in time."""
    end, tries = time.monotonic() + _GIVEN_BACK, 0
    while time.monotonic() < end:
        with contextlib.suppress(Unavailable):
            status = str(apis.get('image', f'/v2/images/{image_id}')['status'])
            if status != 'saving':
                return status
        tries += 1
        time.sleep(_pause(tries))
    return ''


def _pause(tries: int) -> float:
    """Seconds before the next try."""
    return float(_PAUSE * min(2 ** (tries - 1), _LONGEST_PAUSE))


def _body(wish: Wish) -> dict[str, Any]:
    body: dict[str, Any] = {
        'name': wish.name, 'disk_format': wish.disk_format or detect(wish.path), 'container_format': wish.container_format,
        'min_disk': wish.min_disk, 'min_ram': wish.min_ram, 'protected': wish.protected, 'tags': list(wish.tags), **wish.properties,
    }  # fmt: skip
    return body | ({'visibility': wish.visibility} if wish.visibility else {})


def _existing(apis: Apis, name: str) -> dict[str, Any] | None:
    """The image of this name in the own project: one that has data before one that waits for some."""
    query = urllib.parse.urlencode({'name': name, 'owner': apis.project_id or '', 'sort': 'created_at:asc'})
    images = [image for image in apis.get('image', f'/v2/images?{query}')['images'] if image['name'] == name]
    return min(images, key=lambda image: (image['status'] != 'active', image['status'] == 'queued'), default=None)


def _check(image: Mapping[str, Any], hashes: Mapping[str, str]) -> None:
    """Raise Conflict when the image's data are not those with these hashes; one of them is enough."""
    algorithm = image.get('os_hash_algo')
    ours, theirs = hashes.get(algorithm or ''), image.get('os_hash_value')
    if ours is None or theirs is None:
        ours, theirs = hashes.get('md5'), image.get('checksum')
    if theirs is not None and ours != theirs:
        raise Conflict(f'The data of image {image["id"]} is not what was sent: its hash is {theirs}, not {ours}.')


def detect(path: pathlib.Path) -> str:
    """The disk format that a file looks like."""
    from oslo_utils.imageutils import format_inspector

    found = format_inspector.detect_file_format(str(path))
    name = str(found) if found is not None else 'raw'
    return name if name in ('qcow2', 'vhd', 'vhdx', 'vdi', 'vmdk', 'iso') else 'raw'


# -- download


def find(apis: Apis, what: str) -> dict[str, Any]:
    """An image by id or name. Raises NotFound, Conflict when several have the name."""
    try:
        return dict(apis.get('image', f'/v2/images/{urllib.parse.quote(what, safe="")}'))
    except NotFound:
        query = urllib.parse.urlencode({'name': what})
        images = apis.get('image', f'/v2/images?{query}')['images']
    if len(images) > 1:
        raise Conflict(f'{len(images)} images are called {what}: give the id of one of them.')
    if not images:
        raise NotFound(message=f'There is no image with the id or name {what}.')
    return dict(images[0])


def download(apis: Apis, what: str, target: pathlib.Path, report: Report = _quiet, *, replace: bool = False) -> dict[str, Any]:
    """Write the data of an image into a file, which appears when it is whole and verified.

    What an interrupted download has left is continued. Raises Conflict (the file exists, other data came than the image has),
    NotFound, Unavailable.
    """
    image = find(apis, what)
    if image['status'] not in ('active', 'deactivated') or image.get('size') is None:
        raise Conflict(f'Image {image["id"]} has no data: it is {image["status"]}.')
    if target.exists() and not replace:
        raise Conflict(f'{target} exists already; --force replaces it.')
    part = target.with_name(f'{target.name}.{image["id"]}.part')
    with part.open('ab') as file:
        _continue(apis, image, file, report)
        file.flush()
        os.fsync(file.fileno())
    try:
        _check(image, _hashes_of(part, image))
    except Conflict:
        part.unlink()
        raise
    part.replace(target)
    return image


def _continue(apis: Apis, image: Mapping[str, Any], file: BinaryIO, report: Report) -> None:
    """Append what is missing, asking again from where a connection broke."""
    size, tries = int(image['size']), 0
    if file.tell() > size:
        file.truncate(0)
        file.seek(0)
    while (done := file.tell()) < size:
        try:
            for piece in _pieces(apis, image['id'], done):
                file.write(piece[: size - file.tell()])
                report(file.tell(), size)
        except Unavailable:
            if tries >= _TRIES and file.tell() == done:
                raise
        tries = 0 if file.tell() > done else tries + 1
        if tries > _TRIES:
            raise Unavailable(f'Image {image["id"]} is shorter than the {size} bytes it should have.')
        if tries:
            time.sleep(_pause(tries))
    report(size, size)


def _pieces(apis: Apis, image_id: str, first: int) -> Iterator[bytes]:
    from requests.exceptions import RequestException

    headers = {'Accept': '*/*', **({'Range': f'bytes={first}-'} if first else {})}
    answer = apis.request('GET', 'image', f'/v2/images/{image_id}/file', headers=headers, stream=True)
    try:
        if first and answer.status_code != 206:
            raise Conflict(f'The image service cannot continue a download (status {answer.status_code}). Remove the .part file.')
        yield from answer.iter_content(_PIECE)
    except RequestException as error:
        raise Unavailable(f'The download broke off: {error}') from error
    finally:
        answer.close()


def _hashes_of(path: pathlib.Path, image: Mapping[str, Any]) -> dict[str, str]:
    name = image.get('os_hash_algo') if image.get('os_hash_value') else 'md5'
    digest = hashlib.new(name or 'md5', usedforsecurity=False)
    with path.open('rb') as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return {name or 'md5': digest.hexdigest()}
