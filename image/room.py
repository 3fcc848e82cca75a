"""Room for data on their way: bytes of a project's limits that nobody else gets meanwhile.

    room = Room(service, record.owner, record.id, quotas.SIZE, lambda: {'status': SAVING, 'upload_id': mine})
    room.take(size)              # all that will come, where that is known
    room.cover(size_so_far)      # else: more and more of it; often called, seldom asks the database

Who has announced no size may come while everybody else is within the limit. So of many at the same moment one at most ends
above it, as when they had come one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from common.db.quotas import lock_project
from common.errors import Gone, OverQuota
from common.quota import UNLIMITED
from image.db.images import set_columns
from image.quotas import MIB, SIZE, STAGE, attempt, check

if TYPE_CHECKING:
    from common.db.session import Session
    from image.service import ImageService

COLUMNS = {SIZE: 'reserved_size', STAGE: 'reserved_stage'}
_AHEAD = 64 * MIB
"""The most that is reserved before it has come; little of a small limit, since others may wait for it."""
_SHARE = 64


class Room:
    """What one image takes of one limit of its project.

    :param resource: SIZE or STAGE
    :param expect: gives what the image's row holds while the data are ours to take
    :param held: bytes that are reserved already
    """

    def __init__(
        self, service: ImageService, project_id: str | None, image_id: str, resource: str, expect: Callable[[], Mapping[str, Any]], held: int = 0
    ) -> None:  # fmt: skip
        self._service, self._project, self._image, self._resource = service, project_id, image_id, resource
        self._expect, self._held = expect, held

    def take(self, size: int) -> None:
        """Reserve so many bytes. Raises OverQuota when the project has no room for all of them, Gone when the image is not ours."""
        if size != self._held:
            self._reserve(size, firm=True)

    def cover(self, size: int) -> None:
        """See to it that so many bytes are reserved, of how many nobody knows. Raises OverQuota, Gone."""
        if size > self._held:
            self._reserve(size, firm=False)

    def _reserve(self, size: int, *, firm: bool) -> None:
        if self._project is None:
            self._held = size if firm else size + _AHEAD
            return
        quotas = self._service.quotas
        for fresh in (False, True):
            # What identity has said is asked for anew before anybody is refused.
            registered = quotas.registered(self._project, fresh=fresh)
            found = attempt(self._service, self._project, registered, lambda session, limits: self._judge(session, limits, size, firm))
            if isinstance(found, int):
                self._held = found
                return
            self._held = 0
            if fresh or quotas.identity is None:
                raise found

    def _judge(self, session: Session, limits: Mapping[str, int], size: int, firm: bool) -> int | OverQuota:
        """Reserve what may be, and say how much that is.

        Who may not have it gives up all that he had in the same transaction: of several who are in each other's way, the rest can go on.
        """
        limit, ahead = limits[self._resource], _AHEAD
        if limit != UNLIMITED:
            lock_project(session, self._service.quotas.tables, str(self._project))
            self._write(session, size)
            used = self._service.quotas.usage(session, str(self._project))[self._resource]
            try:
                if firm or size > limit * MIB:
                    check(self._resource, limit, used, size)
                check(self._resource, limit, used - size, 0)
            except OverQuota as error:
                self._write(session, 0)
                return error
            ahead = min(_AHEAD, limit * MIB // _SHARE, max(0, limit * MIB - used)) if self._held else 0
        held = size if firm else size + ahead
        self._write(session, held)
        return held

    def _write(self, session: Session, amount: int) -> None:
        if not set_columns(session, self._image, expect=dict(self._expect()), **{COLUMNS[self._resource]: amount}):
            raise _lost(self._image)


def _lost(image_id: str) -> Gone:
    return Gone(f'Image {image_id} could not be found after upload. The image may have been deleted during the upload.')
