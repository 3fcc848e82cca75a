"""Sharing: the projects that an image is offered to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, Forbidden, InvalidInput, NotFound, OverQuota
from image import images
from image.db import members as queries
from image.records import MEMBER_STATUSES, ImageRecord, MemberRecord

if TYPE_CHECKING:
    from image.service import ImageService


def _owns(ctx: Context, owner: str | None) -> bool:
    return ctx.is_admin or (owner is not None and owner == ctx.project_id)


def list_members(service: ImageService, ctx: Context, image_id: str) -> list[MemberRecord]:
    """Whom the image is offered to: all for the owner, a member sees itself. Raises NotFound."""
    with service.db.read() as session:
        record = images.find(service, ctx, image_id, session)
        if record.visibility == 'public' and not _owns(ctx, record.owner):
            raise Forbidden('Public images do not have members.')
        members = queries.list_members(session, image_id)
    return members if _owns(ctx, record.owner) else [m for m in members if m.member == ctx.project_id]


def show_member(service: ImageService, ctx: Context, image_id: str, member: str) -> MemberRecord:
    """One membership. Raises NotFound."""
    with service.db.read() as session:
        record = images.find(service, ctx, image_id, session)
        found = queries.get_member(session, image_id, member)
    if found is None or not (_owns(ctx, record.owner) or member == ctx.project_id):
        raise NotFound('member', member)
    return found


def add_member(service: ImageService, ctx: Context, image_id: str, member: str) -> MemberRecord:
    """Offer the image to a project. Raises NotFound, Forbidden, Conflict, OverQuota."""
    with service.db.write() as session:
        _find_shared(service, ctx, image_id, session)
        if queries.get_member(session, image_id, member) is not None:
            raise Conflict(f'Image {image_id} is offered to {member} already.')
        return _insert(service, session, image_id, member)


def offer(service: ImageService, ctx: Context, image_id: str, member: str) -> MemberRecord:
    """As `add_member`, but an offer that stands is fine."""
    with service.db.write() as session:
        _find_shared(service, ctx, image_id, session)
        return queries.get_member(session, image_id, member) or _insert(service, session, image_id, member)


def replace(service: ImageService, ctx: Context, image_id: str, wanted: list[str]) -> None:
    """Offer the image to these projects and no other; offers that stand keep their status. Raises NotFound, Forbidden, OverQuota."""
    with service.db.write() as session:
        record = _find_shared(service, ctx, image_id, session)
        if not service.policy.check(ctx, 'image:members:remove', images.target(record)):
            raise Forbidden('You may not take offers of this image back.')
        standing = {found.member for found in queries.list_members(session, image_id)}
        for member in standing - set(wanted):
            queries.remove_member(session, image_id, member)
        for member in dict.fromkeys(wanted):
            if member not in standing:
                _insert(service, session, image_id, member)


def _find_shared(service: ImageService, ctx: Context, image_id: str, session: Any) -> ImageRecord:
    record = images.find_own(service, ctx, image_id, 'image:members:add', session)
    if record.visibility != 'shared':
        raise Forbidden(f'Only shared images have members; this one is {record.visibility}.')
    return record


def _insert(service: ImageService, session: Any, image_id: str, member: str) -> MemberRecord:
    if not member or len(member) > 64:
        raise InvalidInput('member is a project id of 1 to 64 characters.', field='member')
    if (used := queries.count_members(session, image_id)) >= service.options.max_members:
        raise OverQuota('image members', limit=service.options.max_members, used=used)
    when = now()
    found = MemberRecord(image_id, member, 'pending', when, when)
    queries.insert_member(session, found)
    return found


def shared_with(service: ImageService, ctx: Context, member: str) -> list[MemberRecord]:
    """What is offered to a project: all of it for the project itself and administrators, what the caller's project offers for others."""
    owner = None if ctx.is_admin or member == ctx.project_id else ctx.project_id
    with service.db.read() as session:
        return queries.list_shared_with(session, member[:65], owner)


def set_status(service: ImageService, ctx: Context, image_id: str, member: str, status: str) -> MemberRecord:
    """Accept or reject, as the member. Raises NotFound, Forbidden, InvalidInput."""
    if status not in MEMBER_STATUSES:
        raise InvalidInput(f'status is one of {", ".join(MEMBER_STATUSES)}.', field='status')
    with service.db.write() as session:
        record = images.find(service, ctx, image_id, session)
        found = queries.get_member(session, image_id, member)
        if found is None:
            raise NotFound('member', member)
        if not ctx.is_admin and member != ctx.project_id:
            if _owns(ctx, record.owner):
                raise Forbidden('Only the member itself may accept or reject.')
            raise NotFound('member', member)
        queries.set_member_status(session, image_id, member, status, now())
        changed = queries.get_member(session, image_id, member)
    return changed or found


def remove_member(service: ImageService, ctx: Context, image_id: str, member: str) -> None:
    """Take the offer back. Raises NotFound, Forbidden."""
    with service.db.write() as session:
        images.find_own(service, ctx, image_id, 'image:members:remove', session)
        if queries.get_member(session, image_id, member) is None:
            raise NotFound('member', member)
        queries.remove_member(session, image_id, member)
