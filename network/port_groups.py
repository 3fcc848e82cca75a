"""Which security groups a port is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from common.errors import InvalidInput, NotFound
from network import security_groups
from network.db import rows
from network.db.models import GROUPS

if TYPE_CHECKING:
    from network.work import Work


def of_new(work: Work, given: Sequence[str] | None, project_id: str, secure: bool, has_address: bool) -> list[str]:
    """The groups of a new port: those given, or the project's default. Raises NotFound, InvalidInput."""
    if given is None:
        return [security_groups.ensure_default(work, project_id)] if secure else []
    if given:
        _check_possible(secure and has_address)
    return checked(work, given, project_id)


def of_changed(work: Work, row: Any, present: Sequence[str], body: dict[str, Any], secure: bool) -> Sequence[str]:
    """The groups of a port after a change; notes those whose members change. Raises NotFound, InvalidInput."""
    if 'security_groups' not in body:
        if present:
            _check_possible(secure)
        return present
    groups = checked(work, body['security_groups'] or (), row.project_id)
    if groups:
        _check_possible(secure)
    if groups == list(present):
        return present
    work.touched.members.update(groups, present)
    return groups


def _check_possible(secure: bool) -> None:
    if not secure:
        message = 'Port security must be enabled and port must have an IP address in order to use security groups.'
        raise InvalidInput(message, code='port_security_and_ip_required_for_security_groups')


def checked(work: Work, given: Sequence[str], project_id: str) -> list[str]:
    """The groups in order, each once. Raises NotFound for one that neither the caller nor the port's project has."""
    known = rows.get_many(work.session, GROUPS, given) if given else {}
    for group_id in given:
        group = known.get(group_id)
        if group is None or (group.project_id != project_id and not work.allowed(security_groups.SHOW, group)):
            raise NotFound(security_groups.NOUN, group_id)
    return sorted(known)
