"""Members of images in version 1, and what is shared with a project."""

from __future__ import annotations

from typing import Any

from common.api import DELETE, GET, PUT, Call, Resource
from common.api.answers import answer
from common.api.body import parse_json, read_bytes
from common.api.types import Bool, List, Obj, Str
from common.errors import InvalidInput
from image import members
from image.records import MemberRecord


def view(record: MemberRecord) -> dict[str, Any]:
    """A membership. `can_share`: no project may offer another one's image to a third."""
    return {'member_id': record.member, 'can_share': False}


def list_members(call: Call) -> dict[str, Any]:
    """Whom the image is offered to."""
    return {'members': [view(record) for record in members.list_members(call.service, call.ctx, call.params['id'])]}


def show_member(call: Call) -> dict[str, Any]:
    """One of them."""
    return {'member': view(members.show_member(call.service, call.ctx, call.params['id'], call.params['member']))}


def add_member(call: Call) -> None:
    """Offer the image to a project, if it is not yet."""
    given = _body(call)
    if isinstance(given, dict) and isinstance(given.get('member'), dict):
        _check_share(given['member'])
    members.offer(call.service, call.ctx, call.params['id'], call.params['member'])


def _body(call: Call) -> Any:
    """The body of the request, which may be left out, so that the kernel does not read it."""
    data = read_bytes(call.environ, call.app.max_body)
    return parse_json(data) if data else None


def replace_members(call: Call) -> None:
    """Offer the image to these projects and no other."""
    for one in call.body['memberships']:
        _check_share(one)
    wanted = [one['member_id'] for one in call.body['memberships']]
    members.replace(call.service, call.ctx, call.params['id'], wanted)


def remove_member(call: Call) -> None:
    """Take the offer back."""
    members.remove_member(call.service, call.ctx, call.params['id'], call.params['member'])


def list_shared(call: Call) -> dict[str, Any]:
    """What is offered to a project: by the caller's own, or by anyone where it is the caller's own."""
    found = members.shared_with(call.service, call.ctx, call.params['member'])
    return {'shared_images': [{'image_id': record.image_id, 'can_share': False} for record in found]}


def _check_share(given: dict[str, Any]) -> None:
    if given.get('can_share'):
        raise InvalidInput('A member cannot share the image further; leave can_share out.', field='can_share')


_ALL = '/v1/images/{id}/members'
_ONE = f'{_ALL}/{{member}}'
_MEMBER = {'member_id': str, 'can_share': bool}
_REPLACE = Obj(
    {'memberships': List(Obj({'member_id': Str(64, min=1), 'can_share': Bool}, required=['member_id']))}, required=['memberships']
)

MEMBERS_V1 = Resource(
    'members',
    'member',
    routes=[
        GET(_ALL, list_members, policy='image:members:list', listing=False, response=answer({'members': [_MEMBER]})),
        PUT(_ALL, replace_members, policy='image:members:add', ok=204, body=_REPLACE),
        GET(_ONE, show_member, policy='image:members:list', response=answer({'member': _MEMBER})),
        PUT(_ONE, add_member, policy='image:members:add', ok=204, body=None),
        DELETE(_ONE, remove_member, policy='image:members:remove'),
        GET(
            '/v1/shared-images/{member}',
            list_shared,
            policy='image:members:list',
            response=answer({'shared_images': [{'image_id': str, 'can_share': bool}]}),
        ),
    ],
)
