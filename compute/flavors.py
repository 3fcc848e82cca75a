"""The rules of flavors."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from common.clock import now
from common.context import Context
from common.errors import Conflict, InvalidInput, NotFound
from common.ids import new_id
from compute.db import flavors as queries
from compute.db.models import Flavor

if TYPE_CHECKING:
    from compute.service import ComputeService

_ID = re.compile(r'[a-zA-Z0-9. _-]{1,255}\Z')
_SPEC_KEY = re.compile(r'[a-zA-Z0-9 _.:-]{1,255}\Z')


def find(service: ComputeService, ctx: Context, flavor_id: str) -> Flavor:
    """The flavor, if the caller may use it. Raises NotFound."""
    with service.db.read() as session:
        flavor = queries.get(session, flavor_id)
        if flavor is None or not (flavor.is_public or ctx.is_admin or queries.has_access(session, flavor_id, ctx.project_id)):
            raise NotFound('flavor', flavor_id)
        return flavor


def create(service: ComputeService, body: dict[str, Any]) -> Flavor:
    """Offer a new flavor. Raises InvalidInput, Conflict."""
    flavor_id = body.get('id')
    flavor_id = new_id() if flavor_id in (None, 'auto', '') else str(flavor_id).strip()
    name = body['name'].strip()
    if not _ID.match(flavor_id):
        raise InvalidInput('A flavor id has 1 to 255 letters, digits, dots, dashes, underscores or spaces.', field='id')
    if not name:
        raise InvalidInput('A flavor needs a name.', field='name')
    flavor = Flavor(
        id=flavor_id, name=name, vcpus=body['vcpus'], memory_mib=body['ram'], root_gib=body['disk'],
        ephemeral_gib=body.get('OS-FLV-EXT-DATA:ephemeral', 0), swap_mib=body.get('swap') or 0, rxtx_factor=body.get('rxtx_factor', 1.0),
        is_public=body.get('os-flavor-access:is_public', True), description=body.get('description'), extra_specs={}, created_at=now(),
    )  # fmt: skip
    with service.db.write() as session:
        if queries.get(session, flavor_id) is not None:
            raise Conflict(f'Flavor with ID {flavor_id} already exists.')
        if queries.by_name(session, name) is not None:
            raise Conflict(f'Flavor with name {name} already exists.')
        session.add(flavor)
    return flavor


def update(service: ComputeService, flavor_id: str, description: str | None) -> Flavor:
    """Change the description, the only thing of a flavor that can change. Raises NotFound."""
    with service.db.write() as session:
        flavor = _existing(session, flavor_id)
        flavor.description = description
        return flavor


def delete(service: ComputeService, flavor_id: str) -> None:
    """Stop offering it; servers keep what they were made with. Raises NotFound."""
    with service.db.write() as session:
        queries.remove(session, _existing(session, flavor_id).id)


def _existing(session: Any, flavor_id: str) -> Flavor:
    flavor = queries.get(session, flavor_id)
    if flavor is None:
        raise NotFound('flavor', flavor_id)
    return flavor


def set_specs(service: ComputeService, flavor_id: str, specs: dict[str, str]) -> dict[str, str]:
    """Add extra specs. Raises NotFound, InvalidInput."""
    for key in specs:
        if not _SPEC_KEY.match(key):
            raise InvalidInput(
                f'The key {key[:64]!r} of an extra spec may hold letters, digits, spaces and _ . : - only.', field='extra_specs'
            )
    with service.db.write() as session:
        flavor = _existing(session, flavor_id)
        flavor.extra_specs = {**flavor.extra_specs, **specs}
        return flavor.extra_specs


def remove_spec(service: ComputeService, flavor_id: str, key: str) -> None:
    """Remove one extra spec. Raises NotFound."""
    with service.db.write() as session:
        flavor = _existing(session, flavor_id)
        if key not in flavor.extra_specs:
            raise NotFound('flavor extra spec', key, message=f'Flavor {flavor_id} has no extra specs with key {key}.')
        flavor.extra_specs = {name: value for name, value in flavor.extra_specs.items() if name != key}


def change_access(service: ComputeService, flavor_id: str, project_id: str, allowed: bool) -> list[str]:
    """Let a project use a flavor that is not public, or not any more; gives all that may. Raises NotFound, Conflict."""
    with service.db.write() as session:
        flavor = _existing(session, flavor_id)
        if flavor.is_public:
            raise Conflict(f'Flavor {flavor_id} is public: everybody may use it.')
        present = queries.has_access(session, flavor_id, project_id)
        if allowed and present:
            raise Conflict(f'Flavor access already exists for flavor {flavor_id} and project {project_id} combination.')
        if not allowed and not present:
            raise NotFound(message=f'Flavor access not found for {flavor_id} / {project_id} combination.')
        queries.set_access(session, flavor_id, project_id, allowed)
        return queries.access_of(session, flavor_id)
