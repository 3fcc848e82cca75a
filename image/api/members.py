"""Members: the projects an image is shared with."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api import DELETE, GET, POST, PUT, Call, Obj, Reply, Resource, Str
from image import members
from image.records import MemberRecord


def view(record: MemberRecord) -> dict[str, Any]:
    """A membership as clients see it."""
    return {
        'member_id': record.member,
        'image_id': record.image_id,
        'status': record.status,
        'created_at': clock.iso(record.created_at),
        'updated_at': clock.iso(record.updated_at),
        'schema': '/v2/schemas/member',
    }


def list_members(call: Call) -> Reply:
    """Whom the image is offered to."""
    found = members.list_members(call.service, call.ctx, call.params['id'])
    return Reply({'members': [view(record) for record in found], 'schema': '/v2/schemas/members'}, wrap=False)


def show_member(call: Call) -> dict[str, Any]:
    """One of them."""
    return view(members.show_member(call.service, call.ctx, call.params['id'], call.params['member']))


def add_member(call: Call) -> dict[str, Any]:
    """Offer the image to a project."""
    return view(members.add_member(call.service, call.ctx, call.params['id'], call.body['member']))


def update_member(call: Call) -> dict[str, Any]:
    """Accept or reject the offer."""
    return view(members.set_status(call.service, call.ctx, call.params['id'], call.params['member'], call.body['status']))


def remove_member(call: Call) -> None:
    """Take the offer back."""
    members.remove_member(call.service, call.ctx, call.params['id'], call.params['member'])


_ADD = Obj({'member': Str(64, min=1)}, required=['member'], extra='allow')
# Clients send the member's id along.
_UPDATE = Obj({'status': Str(20)}, required=['status'], extra='allow')

MEMBERS = Resource(
    'members',
    'member',
    routes=[
        GET('/v2/images/{id}/members', list_members, policy='image:members:list', paging=False),
        POST('/v2/images/{id}/members', add_member, policy='image:members:add', body=_ADD),
        GET('/v2/images/{id}/members/{member}', show_member, policy='image:members:list'),
        PUT('/v2/images/{id}/members/{member}', update_member, policy='image:members:update', body=_UPDATE),
        DELETE('/v2/images/{id}/members/{member}', remove_member, policy='image:members:remove'),
    ],
)
