"""Actions on a volume: `POST /volumes/{id}/action`."""

from __future__ import annotations

from common.api import ACTIONS, Action, Bool, Call, Enum, Int, Map, Obj, Reply, Resource, Str
from common.api.types import Raw
from volume import attachments, volume_delete, volumes
from volume.api import answers
from volume.volume_states import RESETTABLE


def extend(call: Call) -> None:
    """Grow it."""
    volumes.extend(call.service, call.ctx, call.params['id'], call.body['new_size'])


def reset_status(call: Call) -> None:
    """Set the status by hand."""
    if call.body.get('status') is None:
        return
    volumes.reset_status(call.service, call.ctx, call.params['id'], call.body['status'])


def set_bootable(call: Call) -> None:
    """Say whether servers may boot from it."""
    value = call.body['bootable']
    volumes.set_bootable(call.service, call.ctx, call.params['id'], value is True or str(value).lower() == 'true')


def set_read_only(call: Call) -> None:
    """Say whether servers may write to it."""
    volumes.set_read_only(call.service, call.ctx, call.params['id'], call.body['readonly'])


def show_image_metadata(call: Call) -> Reply:
    """What is known of the image that it begins with."""
    return Reply({'metadata': volumes.image_metadata(call.service, call.ctx, call.params['id'])}, wrap=False)


def set_image_metadata(call: Call) -> Reply:
    """Add to that."""
    changed = volumes.change_image_metadata(call.service, call.ctx, call.params['id'], call.body['metadata'])
    return Reply({'metadata': changed}, wrap=False)


def unset_image_metadata(call: Call) -> None:
    """Remove one item of it."""
    volumes.change_image_metadata(call.service, call.ctx, call.params['id'], {}, remove=call.body['key'])


def force_delete(call: Call) -> None:
    """Delete it in whatever state."""
    volume_delete.delete(call.service, call.ctx, call.params['id'], force=True)


def begin_detaching(call: Call) -> None:
    """Compute starts to take it away."""
    attachments.begin_detaching(call.service, call.ctx, call.params['id'])


def roll_detaching(call: Call) -> None:
    """Compute could not take it away."""
    attachments.roll_detaching(call.service, call.ctx, call.params['id'])


_ANY = Raw({'type': ['object', 'null']}, 'an object or null')
_RESET = Obj({'status': Enum(*sorted(RESETTABLE)) | None, 'attach_status': Str(32) | None, 'migration_status': Str(32) | None})

ACTION_ROUTES = Resource(
    'volume_actions',
    'volume_action',
    routes=[
        ACTIONS(
            '/v3/{project}/volumes/{id}/action',
            {
                'os-extend': Action(
                    extend, policy='volume:volumes:extend', body=Obj({'new_size': Int(1, 2**31 - 1)}, required=['new_size'])
                ),
                'os-reset_status': Action(reset_status, policy='volume:volumes:reset_status', body=_RESET),
                'os-set_bootable': Action(
                    set_bootable, policy='volume:volumes:update', body=Obj({'bootable': Bool}, required=['bootable']), ok=200
                ),
                'os-update_readonly_flag': Action(
                    set_read_only, policy='volume:volumes:update', body=Obj({'readonly': Bool}, required=['readonly'])
                ),
                'os-show_image_metadata': Action(
                    show_image_metadata, policy='volume:volumes:show', body=_ANY, ok=200, response=answers.IMAGE_METADATA
                ),
                'os-set_image_metadata': Action(
                    set_image_metadata,
                    policy='volume:volumes:update',
                    body=Obj({'metadata': Map(Str(255))}, required=['metadata']),
                    ok=200,
                    response=answers.IMAGE_METADATA,
                ),
                'os-unset_image_metadata': Action(
                    unset_image_metadata, policy='volume:volumes:update', body=Obj({'key': Str(255, min=1)}, required=['key']), ok=200
                ),
                'os-force_delete': Action(force_delete, policy='volume:volumes:force_delete', body=_ANY),
                'os-begin_detaching': Action(begin_detaching, policy='volume:attachments:update', body=_ANY),
                'os-roll_detaching': Action(roll_detaching, policy='volume:attachments:update', body=_ANY),
            },
        )
    ],
)
