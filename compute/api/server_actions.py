"""Actions on a server: `POST /servers/{id}/action`."""

from __future__ import annotations

from typing import Any

from common.api import ACTIONS, GET, Action, Call, Enum, Int, Ip, Obj, Reply, Resource, Str, Uuid
from common.api.types import Raw
from common.errors import Conflict, NotFound
from compute import fixed_addresses, security_groups, servers, snapshots
from compute.api import answers
from compute.api.server_schemas import METADATA, NAME
from compute.api.versions import minor
from compute.operations.power import PAUSE, REBOOT, RESUME, START, STOP, SUSPEND, UNPAUSE
from compute.server_states import (
    ACTIVE,
    BUILDING,
    ERROR,
    PAUSING,
    POWERING_OFF,
    POWERING_ON,
    REBOOTING,
    REBOOTING_HARD,
    RESUMING,
    SUSPENDING,
    UNPAUSING,
)


def reboot(call: Call) -> None:
    """Soft or hard."""
    hard = call.body['type'].upper() == 'HARD'
    params = {'hard': hard, 'timeout': call.service.options.shutdown_timeout}
    action, state = ('reboot_hard', REBOOTING_HARD) if hard else ('reboot_soft', REBOOTING)
    servers.act(call.service, call.ctx, call.params['id'], action, REBOOT, state, params, policy='compute:servers:reboot')


def stop(call: Call) -> None:
    """Shut it down."""
    params = {'timeout': call.service.options.shutdown_timeout}
    servers.act(call.service, call.ctx, call.params['id'], 'stop', STOP, POWERING_OFF, params)


def force_delete(call: Call) -> None:
    """Delete it. Nothing is kept to be restored later, so it is what deleting does anyhow."""
    servers.delete(call.service, call.ctx, call.params['id'])


def start(call: Call) -> None:
    """Start it."""
    servers.act(call.service, call.ctx, call.params['id'], 'start', START, POWERING_ON)


def pause(call: Call) -> None:
    """Stop its processors."""
    servers.act(call.service, call.ctx, call.params['id'], 'pause', PAUSE, PAUSING)


def unpause(call: Call) -> None:
    """Let them go on."""
    servers.act(call.service, call.ctx, call.params['id'], 'unpause', UNPAUSE, UNPAUSING)


def suspend(call: Call) -> None:
    """Write its memory to disk."""
    servers.act(call.service, call.ctx, call.params['id'], 'suspend', SUSPEND, SUSPENDING)


def resume(call: Call) -> None:
    """Go on from there."""
    servers.act(call.service, call.ctx, call.params['id'], 'resume', RESUME, RESUMING)


def console_output(call: Call) -> dict[str, Any]:
    """The end of the console's log."""
    with call.service.db.read() as session:
        server = servers.find(call.service, call.ctx, session, call.params['id'], 'compute:servers:console_log')
    if server.vm_state == BUILDING or server.host is None:
        raise Conflict(f'Instance {server.id} is not ready')
    lines = (call.body or {}).get('length')
    if lines is not None:
        lines = None if int(lines) == -1 else int(lines)
    try:
        text = call.service.host_client(server.host).console_log(call.ctx, server=server.id, lines=lines)
    except NotFound:
        text = ''
    return {'output': text}


def lock(call: Call) -> None:
    """Lock it against its users."""
    reason = (call.body or {}).get('locked_reason') if isinstance(call.body, dict) else None
    servers.set_locked(call.service, call.ctx, call.params['id'], True, reason)


def unlock(call: Call) -> None:
    """Unlock it."""
    servers.set_locked(call.service, call.ctx, call.params['id'], False)


def reset_state(call: Call) -> None:
    """Set the state by hand."""
    servers.reset_state(call.service, call.ctx, call.params['id'], ACTIVE if call.body['state'] == 'active' else ERROR)


def add_group(call: Call) -> None:
    """Put its ports into a security group."""
    security_groups.change(call.service, call.ctx, call.params['id'], call.body['name'], present=True)


def remove_group(call: Call) -> None:
    """Take its ports out of a security group."""
    security_groups.change(call.service, call.ctx, call.params['id'], call.body['name'], present=False)


def add_fixed_address(call: Call) -> None:
    """Give it another address in a network it is in."""
    fixed_addresses.add(call.service, call.ctx, call.params['id'], call.body['networkId'])


def remove_fixed_address(call: Call) -> None:
    """Take an address from it."""
    fixed_addresses.remove(call.service, call.ctx, call.params['id'], call.body['address'])


def create_image(call: Call) -> Reply:
    """Make an image of its disk."""
    body = call.body
    made = snapshots.create_image(call.service, call.ctx, call.params['id'], body['name'], body.get('metadata') or {})
    return _image_made(call, *made)


def create_backup(call: Call) -> Reply:
    """Make an image of its disk, and remove older ones of the kind."""
    body = call.body
    made = snapshots.create_backup(
        call.service, call.ctx, call.params['id'], body['name'], body['backup_type'], int(body['rotation']), body.get('metadata') or {}
    )
    return _image_made(call, *made)


def _image_made(call: Call, image_id: str | None, operation_id: str) -> Reply:
    if image_id is None:
        return Reply(None)
    snapshots.wait_until_registered(call.service, operation_id)
    if minor(call) >= 45:
        return Reply({'image_id': image_id}, wrap=False)
    return Reply(None, headers={'Location': call.url(f'/v2.1/images/{image_id}')})


def list_groups(call: Call) -> Reply:
    """Security groups of its ports."""
    return Reply({'security_groups': security_groups.of_server(call.service, call.ctx, call.params['id'])}, wrap=False)


def diagnostics(call: Call) -> Reply:
    """Figures of a running server."""
    with call.service.db.read() as session:
        server = servers.find(call.service, call.ctx, session, call.params['id'], 'compute:servers:diagnostics')
    if server.vm_state != ACTIVE:
        raise Conflict(f"Cannot 'get_diagnostics' instance {server.id} while it is in vm_state {server.vm_state}")
    return Reply(call.service.host_client(server.host).diagnostics(call.ctx, server=server.id), wrap=False)


_ANY = Raw({}, 'anything')
_GROUP = Obj({'name': Str(255, min=1)}, required=['name'])
_COPY = {'name': Raw(NAME, 'a name'), 'metadata': Raw(METADATA, 'texts by key')}
_ID = '/v2.1/{project}/servers/{id}'

ACTION_ROUTES = Resource(
    'server_actions',
    'server_action',
    routes=[
        ACTIONS(
            f'{_ID}/action',
            {
                'reboot': Action(
                    reboot, policy='compute:servers:reboot', body=Obj({'type': Enum('HARD', 'SOFT', any_case=True)}, required=['type'])
                ),
                'forceDelete': Action(force_delete, policy='compute:servers:delete', body=_ANY),
                'os-start': Action(start, policy='compute:servers:start', body=_ANY),
                'os-stop': Action(stop, policy='compute:servers:stop', body=_ANY),
                'pause': Action(pause, policy='compute:servers:pause', body=_ANY),
                'unpause': Action(unpause, policy='compute:servers:unpause', body=_ANY),
                'suspend': Action(suspend, policy='compute:servers:suspend', body=_ANY),
                'resume': Action(resume, policy='compute:servers:resume', body=_ANY),
                'lock': Action(
                    lock, policy='compute:servers:lock', body=Raw({'type': ['object', 'null', 'string']}, 'null or {locked_reason}')
                ),
                'unlock': Action(unlock, policy='compute:servers:unlock', body=_ANY),
                'os-getConsoleOutput': Action(
                    console_output,
                    policy='compute:servers:console_log',
                    body=Obj({'length': Int(-1, 1000000) | None}),
                    ok=200,
                ),
                'os-resetState': Action(
                    reset_state, policy='compute:servers:reset_state', body=Obj({'state': Enum('active', 'error')}, required=['state'])
                ),
                'createImage': Action(
                    create_image,
                    policy='compute:servers:create_image',
                    body=Obj(_COPY, required=['name']),
                    response=answers.IMAGE_MADE,
                ),
                'createBackup': Action(
                    create_backup,
                    policy='compute:servers:create_backup',
                    body=Obj({**_COPY, 'backup_type': Str(255), 'rotation': Int(0, 1000)}, required=['name', 'backup_type', 'rotation']),
                    response=answers.IMAGE_MADE,
                ),
                'addFixedIp': Action(
                    add_fixed_address,
                    policy='compute:interfaces:attach',
                    body=Obj({'networkId': Uuid}, required=['networkId']),
                    until='2.43',
                ),
                # Upstream ends this with 2.43; `openstack server remove fixed ip` asks for it with the newest version all the same.
                'removeFixedIp': Action(
                    remove_fixed_address, policy='compute:interfaces:detach', body=Obj({'address': Ip}, required=['address'])
                ),
                'addSecurityGroup': Action(add_group, policy='compute:servers:security_groups', body=_GROUP),
                'removeSecurityGroup': Action(remove_group, policy='compute:servers:security_groups', body=_GROUP),
            },
        ),
        GET(f'{_ID}/os-security-groups', list_groups, policy='compute:servers:show', listing=False, response=answers.SECURITY_GROUPS),
        GET(f'{_ID}/diagnostics', diagnostics, policy='compute:servers:diagnostics', listing=False, response=answers.DIAGNOSTICS),
    ],
)
