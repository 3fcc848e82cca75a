"""The rules of servers: find, change, act on, delete. Making one is in `compute.server_create`."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from common.clock import monotonic, now
from common.context import Context
from common.errors import Conflict, InvalidInput, NotFound, OverQuota
from compute import server_states
from compute.db import servers as queries
from compute.db.models import Server
from compute.operations.delete import DELETE
from compute.server_states import DELETING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.operations import Operation
    from compute.service import ComputeService

PLUGGING = frozenset({'server.attach_volume', 'server.detach_volume', 'server.attach_interface', 'server.detach_interface'})
"""Operations that others wait for."""
PLUG_PATIENCE = 10.0
"""Seconds that a request waits for them."""


def target(server: Any) -> dict[str, Any]:
    """What a policy rule may look at."""
    return {'project_id': server.project_id, 'user_id': server.user_id}


def access_address(text: str | None, version: int) -> str | None:
    """An access address in its usual form; None for an empty one. Raises InvalidInput."""
    if not text:
        return None
    try:
        return str({4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}[version](text))
    except ValueError:
        raise InvalidInput(f'accessIPv{version} must be an IPv{version} address, not {text[:45]!r}.', field=f'accessIPv{version}') from None


def find(
    service: ComputeService, ctx: Context, session: Session, server_id: str, policy: str = 'compute:servers:show', *, deleted: bool = False
) -> Server:
    """The server, if the caller may see it and do what the policy names; a deleted one only if asked for. Raises NotFound, Forbidden."""
    server = queries.get(session, server_id, deleted) if len(server_id) <= 36 else None
    if server is None or not service.policy.check(ctx, 'compute:servers:show', target(server)):
        raise NotFound('instance', server_id)
    if policy != 'compute:servers:show':
        service.policy.authorize(ctx, policy, target(server))
    return server


def show(service: ComputeService, ctx: Context, server_id: str) -> tuple[Any, list[tuple[str, bool]]]:
    """The server, as a row to be read, and (id, delete on termination) of its volumes. Raises NotFound."""
    with service.db.read() as session:
        server = queries.shown(session, server_id) if len(server_id) <= 36 else None
        if server is None or not service.policy.check(ctx, 'compute:servers:show', target(server)):
            raise NotFound('instance', server_id)
        return server, queries.attached_ids(session, [server_id]).get(server_id, [])


def check_unlocked(ctx: Context, server: Server) -> None:
    """Raise Conflict when the server is locked against its users."""
    if server.locked and not ctx.is_admin:
        raise Conflict(f'Instance {server.id} is locked')


def act(
    service: ComputeService,
    ctx: Context,
    server_id: str,
    action: str,
    operation: Operation,
    task_state: str,
    params: dict[str, Any] | None = None,
    policy: str | None = None,
) -> None:
    """Start an operation on a server, if its state allows the action. Raises NotFound, Forbidden, Conflict."""

    def change(session: Session) -> str:
        server = find(service, ctx, session, server_id, policy or f'compute:servers:{action}')
        return begin(service, ctx, session, server, action, operation, task_state, params)

    in_turn(service, change)


def in_turn(service: ComputeService, change: Callable[[Session], str]) -> str:
    """Run a write transaction that starts an operation; gives the operation's id.

    Plugging and unplugging take moments, and clients send several at once: what is under way of that kind is waited for.
    Raises what `change` raises, and Conflict when another operation is under way, or when it takes too long.
    """
    end = monotonic() + PLUG_PATIENCE
    while True:
        try:
            with service.db.write() as session:
                return change(session)
        except Conflict as error:
            if error.details.get('kind') not in PLUGGING or monotonic() >= end:
                raise
            busy = error
        with contextlib.suppress(Conflict, NotFound):  # it is still at work, or long gone: the next try tells
            service.ops.wait(busy.details['operation'], timeout=end - monotonic())


def begin(
    service: ComputeService,
    ctx: Context,
    session: Session,
    server: Server,
    action: str,
    operation: Operation,
    task_state: str | None,
    params: dict[str, Any] | None = None,
) -> str:
    """Start an operation within a transaction, on a record at hand; gives the operation's id."""
    check_unlocked(ctx, server)
    server_states.check(action, server.id, server.vm_state, server.task_state, server.host)
    server.task_state, server.updated_at = task_state, now()
    session.flush()
    return service.ops.start(session, ctx, operation, server.id, params=params or {}, host=server.host)


def delete(service: ComputeService, ctx: Context, server_id: str) -> None:
    """Start to delete; legal in every state, and it wins over whatever is being done. Raises NotFound, Conflict (locked).

    Where the host is known to be down the server is gone for users at once; what is left there is removed when it returns.
    """
    hosts = service.hosts.all()
    with service.db.write() as session:
        server = find(service, ctx, session, server_id, 'compute:servers:delete')
        check_unlocked(ctx, server)
        if server.task_state == DELETING:
            return
        volumes = queries.volumes_of(session, [server.id])[server.id]
        live = service.ops.live(session, server.id, 'server')
        host = server.host or (live.host if live else None)
        server.task_state, server.updated_at = DELETING, now()
        server.deleted = host is not None and not hosts.get(host, {}).get('up', True)
        session.flush()
        params = {
            'has_volumes': bool(volumes) or (live is not None and live.kind != 'server.boot') or bool(server.requested.get('volumes')),
            'delete_volumes': [volume.volume_id for volume in volumes if volume.delete_on_termination],
        }
        service.ops.start(session, ctx, DELETE, server.id, params=params, host=host, supersede=True)


def update(service: ComputeService, ctx: Context, server_id: str, changes: dict[str, Any]) -> tuple[Server, list[Any]]:
    """Change what is only said of a server: name, description, access addresses, disk config, host name. Raises NotFound."""
    with service.db.write() as session:
        server = find(service, ctx, session, server_id, 'compute:servers:update')
        for name, value in changes.items():
            setattr(server, name, value)
        server.updated_at = now()
        return server, queries.volumes_of(session, [server.id])[server.id]


def change_metadata(
    service: ComputeService, ctx: Context, server_id: str, changes: dict[str, str], *, replace: bool = False, remove: str | None = None
) -> dict[str, str]:
    """Add to, replace, or remove one key of the metadata; gives what results. Raises NotFound, Conflict, OverQuota."""
    with service.db.write() as session:
        server = find(service, ctx, session, server_id, 'compute:servers:update')
        check_unlocked(ctx, server)
        current = {} if replace else dict(server.server_metadata)
        if remove is not None and current.pop(remove, None) is None:
            raise NotFound(message='Metadata item was not found')
        current.update(changes)
        check_metadata_count(service, session, server.project_id, current)
        server.server_metadata, server.updated_at = current, now()
        return current


def check_metadata_count(service: ComputeService, session: Session, project_id: str, metadata: dict[str, str]) -> None:
    """Raise OverQuota for more items than a server may have."""
    limit = service.quotas.limits(session, project_id)['metadata_items']
    if 0 <= limit < len(metadata):
        raise OverQuota(
            'metadata_items', limit=limit, used=0, wanted=len(metadata), message=f'Maximum number of metadata items exceeds {limit}'
        )


def change_tags(service: ComputeService, ctx: Context, server_id: str, tags: list[str]) -> list[str]:
    """Replace the tags. Raises NotFound, InvalidInput."""
    for tag in tags:
        check_tag(tag)
    if len(tags) > 50:
        raise InvalidInput('A server has at most 50 tags.', field='tags')
    with service.db.write() as session:
        server = find(service, ctx, session, server_id, 'compute:servers:update')
        server.tags, server.updated_at = sorted(set(tags)), now()
        return list(server.tags)


def check_tag(tag: str) -> None:
    """Raise InvalidInput for what cannot be a tag."""
    if not 1 <= len(tag) <= 60 or ',' in tag or '/' in tag:
        raise InvalidInput('A tag has 1 to 60 characters, none of them "," or "/".', field='tags')


def set_tag(service: ComputeService, ctx: Context, server_id: str, tag: str, present: bool) -> bool:
    """Add or remove one tag; whether anything changed. Raises NotFound, also for a tag to remove that is not there."""
    check_tag(tag)
    with service.db.write() as session:
        server = find(service, ctx, session, server_id, 'compute:servers:update')
        if present == (tag in server.tags):
            if present:
                return False
            raise NotFound('tag', tag, message=f"Instance {server_id} has no tag '{tag}'")
        if present and len(server.tags) >= 50:
            raise InvalidInput('A server has at most 50 tags.', field='tags')
        server.tags = sorted({*server.tags, tag}) if present else [kept for kept in server.tags if kept != tag]
        server.updated_at = now()
        return True


def set_locked(service: ComputeService, ctx: Context, server_id: str, locked: bool, reason: str | None = None) -> None:
    """Lock against users, or unlock. Raises NotFound, Forbidden."""
    with service.db.write() as session:
        server = find(service, ctx, session, server_id, 'compute:servers:lock' if locked else 'compute:servers:unlock')
        server.locked, server.locked_reason, server.updated_at = locked, reason if locked else None, now()


def reset_state(service: ComputeService, ctx: Context, server_id: str, vm_state: str) -> None:
    """Set the state by hand; refused while an operation owns the server. Raises NotFound, Conflict."""
    with service.db.write() as session:
        server = find(service, ctx, session, server_id, 'compute:servers:reset_state')
        live = service.ops.live(session, server.id)
        if live is not None:
            raise Conflict(f'Operation {live.kind} is at work on server {server_id} and ends by itself. Wait, or delete the server.')
        server.vm_state, server.task_state, server.updated_at = vm_state, None, now()
