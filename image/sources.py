"""Where imported data comes from: a web server that a user names, or the image service of another region of this cloud."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from common.context import Context
from common.errors import Conflict, InvalidInput, NotFound, TooLarge, Unavailable
from image import fetching
from image.records import ACTIVE, RESERVED_PREFIX

if TYPE_CHECKING:
    from common.operations import Run
    from common.rest import RestClient
    from common.rest.transport import Answer
    from image.download import Open
    from image.service import ImageService


def opener(service: ImageService, run: Run) -> Open:
    """How to open what the parameters of an import name: `uri`, or `source` with image, region and interface."""
    if run.params['source'] is None:
        return lambda start, validator: fetching.open_url(
            service, run.params['uri'], start, validator=validator, seconds=run.remaining(86_400.0)
        )
    expected = run.outputs['describe'] or {}
    remote = _remote(service, run.params['source'])
    return lambda start, validator: _RemoteData(service, remote, run.params['source']['image'], expected, start, validator)


def described(service: ImageService, ctx: Context, params: dict[str, Any]) -> dict[str, Any]:
    """What another image service says of an image that the caller may read there.

    :returns: disk_format, container_format, size, os_hash_algo, os_hash_value, and the properties that the operator lets through
    :raises: NotFound (no such service, no such image, or none that the caller may see), Conflict (it has no data), Unavailable

    The question is asked as the service's own user, so it is here that the caller's right is judged. Both regions have one identity.
    """
    source = params['source']
    remote = _remote(service, source)
    missing = NotFound(message=f'No image found with ID {source["image"]} in region {source["region"]}.')
    try:
        found = remote.get(f'/v2/images/{source["image"]}')
        if not _may_read(remote, ctx, found):
            raise missing
    except NotFound:
        raise missing from None
    if found.get('status') != ACTIVE:
        raise Conflict(f'Image {source["image"]} in region {source["region"]} is {found.get("status")}, not active.')
    wanted = service.options.import_properties
    properties = {name: value for name, value in found.items() if isinstance(value, str) and _passes(name, wanted)}
    kept = ('disk_format', 'container_format', 'size', 'os_hash_algo', 'os_hash_value')
    return {'properties': properties} | {name: found.get(name) for name in kept}


def _may_read(remote: RestClient, ctx: Context, found: dict[str, Any]) -> bool:
    if ctx.is_admin or found.get('visibility') in ('public', 'community') or found.get('owner') == ctx.project_id:
        return True
    if found.get('visibility') != 'shared' or not ctx.project_id:
        return False
    remote.get(f'/v2/images/{found["id"]}/members/{ctx.project_id}')  # NotFound for those that it is not shared with
    return True


def _passes(name: str, wanted: list[str]) -> bool:
    if name.startswith(RESERVED_PREFIX):
        return False
    return any(name == one or (one.endswith(('_', ':')) and name.startswith(one)) for one in wanted)


def _remote(service: ImageService, source: dict[str, str]) -> RestClient:
    """A client of the image service in a region. Raises NotFound when the catalog has none."""
    for entry in service.identity.get('/v3/auth/catalog')['catalog']:
        for endpoint in entry['endpoints'] if entry['type'] == 'image' else ():
            if endpoint['interface'] == source['interface'] and source['region'] in (endpoint.get('region_id'), endpoint.get('region')):
                return service.identity.at(endpoint['url'].rstrip('/').removesuffix('/v2'))
    raise NotFound(message=f'The catalog has no image service with interface {source["interface"]!r} in region {source["region"]!r}.')


class _RemoteData:
    """The data of an image of another image service, from a byte on."""

    def __init__(
        self, service: ImageService, remote: RestClient, image_id: str, expected: dict[str, Any], start: int, validator: str
    ) -> None:
        # An image's data never changes, so its hash says whether what is here already belongs to it.
        self.validator = str(expected.get('os_hash_value') or '')
        self.start = start if validator and validator == self.validator else 0
        self.size: int | None = expected.get('size')
        if self.size is not None and self.size > service.options.max_size:
            raise TooLarge(f'The data has {self.size} bytes, {service.options.max_size} are allowed.')
        headers = {'Accept': '*/*'} | ({'Range': f'bytes={self.start}-'} if self.start else {})
        self._answer: Answer = remote.open(f'/v2/images/{image_id}/file', headers=headers, timeout=float(service.options.import_idle))
        if self._answer.status not in (200, 206):
            self._answer.close()
            raise InvalidInput(f'The other image service answers with status {self._answer.status} instead of data.')
        if self._answer.status == 200:
            self.start = 0
        self._pieces: Iterator[bytes] = iter(self._answer.pieces)
        self._rest = b''

    def read(self, size: int) -> bytes:
        """Up to so many bytes, b'' at the end. Raises Unavailable."""
        if not self._rest:
            try:
                self._rest = next(self._pieces, b'')
            except OSError as error:
                raise Unavailable(
                    'The connection to the other image service broke.', code='fetch_broken', admin_detail=str(error)
                ) from error
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._answer.close()
