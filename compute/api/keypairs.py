"""Key pairs."""

from __future__ import annotations

from typing import Any

from common import clock
from common.api import DELETE, GET, POST, Call, Enum, Obj, Reply, Resource, Str
from common.errors import Forbidden
from compute import keypairs
from compute.api import answers
from compute.api.versions import minor
from compute.db import keypairs as queries
from compute.db.models import KeyPair


def _user(call: Call, given: str | None) -> str:
    """Whose key pairs are meant. Only an administrator may name somebody else."""
    if given and given != call.ctx.user_id and minor(call) >= 10:
        if not call.ctx.is_admin:
            raise Forbidden('You may see and change your own key pairs only.')
        return given
    return str(call.ctx.user_id)


def view(call: Call, pair: KeyPair, *, whole: bool = False) -> dict[str, Any]:
    """A key pair as clients see it."""
    body: dict[str, Any] = {'name': pair.name, 'public_key': pair.public_key, 'fingerprint': pair.fingerprint}
    if minor(call) >= 2:
        body['type'] = pair.type
    if whole:
        body |= {
            'user_id': pair.user_id,
            'id': pair.id,
            'created_at': clock.iso(pair.created_at, micro=True, zulu=False),
            'updated_at': None,
            'deleted': False,
            'deleted_at': None,
        }
    return body


def list_keypairs(call: Call) -> Reply:
    """The caller's key pairs. Pages came with version 2.35; whoever asks an older one for a page gets one, too: clients do."""
    page = call.paging('name:asc')
    limit = page.limit if minor(call) >= 35 or page.given is not None else None
    with call.service.db.read() as session:
        found = queries.list_keypairs(session, _user(call, call.query.get('user_id')), limit, page.marker)
    body: dict[str, Any] = {'keypairs': [{'keypair': view(call, pair)} for pair in found]}
    if minor(call) >= 35 and page.given is not None and found and len(found) == page.limit:
        href = call.url(f'/v2.1/os-keypairs?limit={page.limit}&marker={found[-1].name}')
        body['keypairs_links'] = [{'rel': 'next', 'href': href}]
    return Reply(body, wrap=False)


def create_keypair(call: Call) -> Reply:
    """Keep a public key, or make a pair."""
    body = call.body
    user = _user(call, body.get('user_id'))
    pair, private = keypairs.create(call.service, call.ctx, user, body['name'], body.get('public_key'), body.get('type') or 'ssh')
    answer = {**view(call, pair), 'user_id': pair.user_id}
    if private is not None:
        answer['private_key'] = private
    return Reply({'keypair': answer}, 201 if minor(call) >= 2 else 200, wrap=False)


def show_keypair(call: Call) -> Reply:
    """One key pair."""
    pair = keypairs.find(call.service, _user(call, call.query.get('user_id')), call.params['name'])
    return Reply({'keypair': view(call, pair, whole=True)}, wrap=False)


def delete_keypair(call: Call) -> Reply:
    """Forget it."""
    keypairs.delete(call.service, _user(call, call.query.get('user_id')), call.params['name'])
    return Reply(None, 204 if minor(call) >= 2 else 202)


_CREATE = Obj(
    {'name': Str(255, min=1), 'public_key': Str(16384), 'type': Enum('ssh', 'x509'), 'user_id': Str(64, min=1)}, required=['name']
)
_QUERY = {'user_id': Str(64)}
KEYPAIRS = Resource(
    'keypairs',
    'keypair',
    view=answers.KEYPAIR,
    routes=[
        GET(
            '/v2.1/{project}/os-keypairs',
            list_keypairs,
            policy='compute:keypairs:list',
            query=_QUERY,
            paging=True,
            response=answers.KEYPAIRS,
        ),
        POST('/v2.1/{project}/os-keypairs', create_keypair, policy='compute:keypairs:manage', body=_CREATE, also=(201,)),
        GET('/v2.1/{project}/os-keypairs/{name}', show_keypair, policy='compute:keypairs:list', query=_QUERY),
        DELETE('/v2.1/{project}/os-keypairs/{name}', delete_keypair, policy='compute:keypairs:manage', query=_QUERY),
    ],
)
