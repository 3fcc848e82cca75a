"""One piece of work: who asks, the service, and the transaction in which it is done."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from common.errors import InvalidInput, NotFound, PreconditionFailed
from network.changes import Touched

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from common.context import Context
    from network.conf import NetworkOptions
    from network.service import NetworkService

SEE_ALL = 'network:see_all_projects'


@dataclasses.dataclass(slots=True)
class Work:
    """What domain functions are handed. `touched`: what of the hosts' desired state this transaction changes."""

    service: NetworkService
    ctx: Context
    session: Session
    touched: Touched = dataclasses.field(default_factory=Touched)

    @property
    def options(self) -> NetworkOptions:
        """The service's options."""
        return self.service.options

    def allowed(self, rule: str, target: Any = None) -> bool:
        """Whether the caller may."""
        return self.service.policy.check(self.ctx, rule, target)

    def authorize(self, rule: str, target: Any = None) -> None:
        """Raises Forbidden unless the caller may."""
        self.service.policy.authorize(self.ctx, rule, target)

    def seen(self, record: Any | None, noun: str, identifier: str, show: str, rule: str = '') -> Any:
        """The record, if the caller may see it (`show`; NotFound) and do this to it (`rule`; Forbidden)."""
        if record is None or not self.allowed(show, record):
            raise NotFound(noun, identifier)
        if rule and rule != show:
            self.authorize(rule, record)
        return record

    @property
    def viewer(self) -> str | None:
        """The project whose things lists show; None: all projects'."""
        return None if self.allowed(SEE_ALL) else self.ctx.project_id or ''

    def project_of(self, body: dict[str, Any]) -> str:
        """The project that a new thing belongs to. Raises InvalidInput where nobody says, Forbidden for another one."""
        project = body.get('project_id') or body.get('tenant_id') or self.ctx.project_id
        if not project:
            raise InvalidInput('project_id must be given: the token is of no project.', field='project_id')
        if project != self.ctx.project_id:
            self.authorize(SEE_ALL)
        return str(project)


def check_revision(record: Any, expected: int | None) -> None:
    """Raises PreconditionFailed where the client's `If-Match` names another revision."""
    if expected is not None and record.revision_number != expected:
        raise PreconditionFailed(f'Constrained to revision_number={expected}, but the current revision is {record.revision_number}.')
