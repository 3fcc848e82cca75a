"""Why volumes and snapshots failed, told as messages.

A message is no record of its own: it is the fault that a failed operation left on its volume or snapshot, and it goes when that goes,
when the next operation ends well, or when somebody deletes the message.
"""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from typing import TYPE_CHECKING, Any

from common.context import Context
from common.errors import NotFound
from volume.db import messages as queries

if TYPE_CHECKING:
    from common.operations import Record
    from volume.service import VolumeService

_NAMESPACE = uuid.UUID('6f2b0d0e-6a2e-5d35-9d2f-5d1c4a7f3b10')
KEPT = datetime.timedelta(days=30)
"""How long a message is promised; it stays longer."""


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """`kind`: VOLUME or VOLUME_SNAPSHOT, `resource_id` of it; `action`: of the operation that failed; `at` is UTC without a zone."""

    id: str
    kind: str
    resource_id: str
    project_id: str
    user_id: str | None
    text: str
    action: str
    request_id: str | None
    at: datetime.datetime


def list_messages(service: VolumeService, ctx: Context) -> list[Message]:
    """Messages of the caller's project, newest first; of all projects for another service."""
    with service.db.read() as session:
        rows = queries.faults(session, None if ctx.is_service else ctx.project_id)
        failed = service.ops.last_failed(session, [row.id for row in rows])
    found = [_message(row, failed.get(row.id)) for row in rows]
    return [one for one in found if service.policy.check(ctx, 'volume:messages:show', target(one))]


def target(message: Message) -> dict[str, Any]:
    """What a policy rule may look at."""
    return {'project_id': message.project_id, 'user_id': message.user_id}


def find(service: VolumeService, ctx: Context, message_id: str) -> Message:
    """A message that the caller may see. Raises NotFound."""
    with service.db.read() as session:
        rows = queries.faults(session, None if ctx.is_admin else ctx.project_id)
        row = next((row for row in rows if _id(row.id) == message_id), None)
        found = _message(row, service.ops.last_failed(session, [row.id]).get(row.id)) if row is not None else None
    if found is None or not service.policy.check(ctx, 'volume:messages:show', target(found)):
        raise NotFound('message', message_id)
    return found


def delete(service: VolumeService, ctx: Context, message_id: str) -> None:
    """Forget why it failed. Raises NotFound, Forbidden."""
    found = find(service, ctx, message_id)
    service.policy.authorize(ctx, 'volume:messages:delete', target(found))
    with service.db.write() as session:
        queries.forget(session, found.kind, found.resource_id)


def _id(resource_id: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, resource_id))


def _message(row: Any, failed: Record | None) -> Message:
    action = failed.kind.partition('.')[2] if failed is not None else 'operation'
    request = failed.request_id if failed is not None else None
    at = row.updated_at or row.created_at
    return Message(_id(row.id), row.kind, row.id, row.project_id, row.user_id, row.fault, action, request, at)
