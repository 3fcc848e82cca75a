"""Putting a copy of an image's data into a store: what imports, copies and conversions do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from common.errors import InvalidInput
from image import receiving
from image.db import images as image_queries
from image.receiving import Lease

if TYPE_CHECKING:
    from image.records import ImageRecord
    from image.service import ImageService

_HASHES = ('size', 'checksum', 'os_hash_value')


class Source(Protocol):
    """Data to copy: a file, or a body that arrives over the network."""

    def read(self, size: int) -> bytes:
        """Up to so many bytes, b'' at the end."""

    def close(self) -> None:
        """End it."""


def place(
    service: ImageService, image_id: str, store_name: str, open_source: Callable[[], Source], *, owner: str | None = None,
    check: Callable[[], Any] | None = None, **columns: Any,
) -> bool:  # fmt: skip
    """Stream data into a store and record that it is there. Idempotent: where it is already, nothing happens.

    Until the image has hashes, the data is inspected for the image's disk format, and its size, virtual size and hashes become the
    image's in the same transaction; afterwards the data has to have them. Whatever goes wrong, the store keeps nothing.

    :param open_source: called at most once, and not at all when the data is there
    :param owner: id of the operation this is done for: what it left behind when its process died is taken over at once
    :param check: called for each chunk; what it raises ends the copy (`run.check`)
    :param columns: of the image, to be set in the transaction that makes the data readable, `status='active'` for example
    :returns: whether data was copied; `columns` are set in any case
    :raises: Gone (the image was deleted), InvalidInput (not what it should be), Conflict with the code `store_busy` (somebody else
        copies the same; try again), TooLarge, OverQuota, Unavailable, and what source and `check` raise
    """
    service.stores.get_writable(store_name)
    lease = Lease(service, image_id, store_name)
    with service.db.write() as session:
        record = image_queries.get_image(session, image_id)
        if record is None:
            raise receiving.lost(image_id)
        if not lease.begin(session, owner):
            if columns:
                image_queries.set_columns(session, image_id, expect={}, **columns)
            return False
    try:
        with contextlib.closing(open_source()) as source:
            values, upload = receiving.receive(service, record, lease, _checked(source, check), None, inspected=not record.os_hash_value)
        try:
            values = _accepted(record, values)
        except BaseException:
            upload.abort()
            raise
        receiving.finish(service, lease, upload, {**values, **columns})
    except BaseException:
        lease.give_up()
        raise
    return True


def _checked(source: Source, check: Callable[[], Any] | None) -> Callable[[int], bytes]:
    if check is None:
        return source.read

    def read(size: int) -> bytes:
        check()
        return source.read(size)

    return read


def _accepted(record: ImageRecord, values: dict[str, Any]) -> dict[str, Any]:
    """What the image does not have yet of what was found out. Raises InvalidInput when the data is not the image's."""
    for name in _HASHES:
        wanted = getattr(record, name)
        if wanted is not None and wanted != values[name]:
            raise InvalidInput(f'The data copied is not that of image {record.id}: its {name} is {values[name]}, not {wanted}.')
    return {name: value for name, value in values.items() if getattr(record, name) is None}


__all__ = ['Source', 'place']
