"""Images on their way from the image service to a host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from common.clock import monotonic
from common.errors import NotFound
from compute.virt.base import Download, Tell

if TYPE_CHECKING:
    from common.operations import Run


def keep(run: Run, image: dict[str, Any]) -> None:
    """Have an image in the cache of the run's host.

    :param image: as `server_create` notes it: id, disk_format, size, os_hash_algo, os_hash_value
    :raises: NotFound when it was deleted meanwhile; what `Driver.cache_image` raises
    """
    driver = run.world.driver
    if driver.cached_image(image['id']) is not None:
        return
    client = run.world.service.image.with_context(run.ctx)

    def data(offset: int) -> Iterator[bytes]:
        try:
            pieces: Iterator[bytes] = client.stream(f'/v2/images/{image["id"]}/file', offset=offset)
        except NotFound:
            raise NotFound(message=f'Image {image["id"]} was deleted before the server could be made from it.') from None
        return pieces

    algorithm = image.get('os_hash_algo') or 'sha512'
    known = algorithm in hashlib.algorithms_available
    driver.cache_image(
        Download(
            image['id'], image['disk_format'], data, image.get('size'), algorithm if known else 'sha512',
            image.get('os_hash_value') if known else None, teller(run, 'downloaded'),
        )
    )  # fmt: skip


FIRST_NOTE = 5.0
"""Seconds until long work is first told of in the operation's history; each further pause is half as long again."""


def teller(run: Run, what: str) -> Tell:
    """What long work on a host calls now and then: it ends the work when the operation should end, and notes how far it is.

    :param what: the work, in words that a number of bytes follows
    """
    pause = FIRST_NOTE
    due = monotonic() + pause

    def tell(done: int, total: int) -> None:
        nonlocal pause, due
        run.check()
        if done and monotonic() >= due:
            pause *= 1.5
            due = monotonic() + pause
            run.note(f'{what}: {done >> 20} of {total >> 20} MiB' if total else f'{what}: {done >> 20} MiB')

    return tell
