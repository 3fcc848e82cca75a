"""Every error of Pileus, as one tree.

    PileusError (500)
    +-- InvalidInput (400)
    |   +-- UnsupportedVersion (406 for microversions out of range)
    +-- Unauthorized (401)
    +-- Forbidden (403)
    |   +-- OverQuota
    +-- NotFound (404)
    |   +-- RouteNotFound
    +-- MethodNotAllowed (405)
    +-- NotAcceptable (406)
    +-- Conflict (409)
    |   +-- StaleRecord
    |   +-- Superseded
    +-- Gone (410)
    +-- PreconditionFailed (412)
    +-- TooLarge (413)
    +-- UnsupportedMediaType (415)
    +-- RangeNotSatisfiable (416)
    +-- TooManyRequests (429)
    +-- NotImplementedHere (501)
    +-- Unavailable (503)
    +-- DeadlineExceeded (504)
    +-- Transient (503; a step that raises it is tried again)
    +-- Refused (409; a step that raises it is undone, maybe tried on another host)
    |   +-- NoValidHost

A message is written for the user: it names the thing and says what to do. `admin_detail` may name hosts and
commands and is never shown to a user. `code` is stable: it does not change and is not reused.
"""

from __future__ import annotations

from typing import Any


class PileusError(Exception):
    """Root of the tree; on its own it means a defect of ours."""

    status = 500
    code = 'internal'
    default_message = 'The service met an unexpected condition. Try again, and give the request id to the operator.'

    def __init__(
        self,
        message: str | None = None,
        *,
        details: dict[str, Any] | None = None,
        admin_detail: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.details = details or {}
        self.admin_detail = admin_detail
        self.headers = headers or {}
        if code:
            self.code = code
        super().__init__(self.message)

    def to_message(self) -> dict[str, Any]:
        """The error as JSON-ready values, for AMQP replies and operation faults."""
        return {
            'type': type(self).__name__,
            'code': self.code,
            'message': self.message,
            'details': self.details,
            'admin_detail': self.admin_detail,
        }


class InvalidInput(PileusError):
    """What the client sent is wrong; `field` names where."""

    status = 400
    code = 'invalid_input'
    default_message = 'The request is not valid.'

    def __init__(self, message: str | None = None, *, field: str | None = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.field = field
        if field:
            self.details.setdefault('field', field)


class UnsupportedVersion(InvalidInput):
    """A microversion that this service does not offer."""

    status = 406
    code = 'unsupported_version'


class Unauthorized(PileusError):
    """No valid token or credentials."""

    status = 401
    code = 'unauthorized'
    default_message = 'The request you have made requires authentication.'


class Forbidden(PileusError):
    """Known, but not allowed."""

    status = 403
    code = 'forbidden'
    default_message = 'You are not authorized to perform the requested action.'


class OverQuota(Forbidden):
    """The project's limit does not allow it. Figures are in `details`."""

    code = 'over_quota'

    def __init__(self, resource: str, *, limit: int, used: int, wanted: int = 1, message: str | None = None) -> None:
        super().__init__(
            message or f'Quota exceeded for {resource}: limit {limit}, in use {used}, wanted {wanted}.',
            details={'resource': resource, 'limit': limit, 'used': used, 'wanted': wanted},
        )
        self.resource = resource


class NotFound(PileusError):
    """No such thing, or none that this caller may see."""

    status = 404
    code = 'not_found'
    default_message = 'The resource could not be found.'

    def __init__(self, noun: str | None = None, identifier: object = None, *, message: str | None = None, **rest: Any) -> None:
        if message is None and noun is not None:
            shown = str(identifier)[:255] if identifier is not None else ''
            message = f'{noun[:1].upper()}{noun[1:]} {shown} could not be found.'.replace('  ', ' ')
        super().__init__(message, **rest)
        self.noun = noun
        self.identifier = identifier


class RouteNotFound(NotFound):
    """No route of the service matches the path."""


class MethodNotAllowed(PileusError):
    """The path exists, the method does not; `headers['Allow']` lists those that do."""

    status = 405
    code = 'method_not_allowed'
    default_message = 'The method is not allowed for this resource.'


class NotAcceptable(PileusError):
    """The client accepts no form that we can give."""

    status = 406
    code = 'not_acceptable'


class Conflict(PileusError):
    """The thing's state does not allow it."""

    status = 409
    code = 'conflict'


class StaleRecord(Conflict):
    """Somebody else changed the record first; read it again."""

    code = 'stale_record'


class Superseded(Conflict):
    """The operation was overtaken by another, usually a delete."""

    code = 'superseded'


class Gone(PileusError):
    """It was here and is no more."""

    status = 410
    code = 'gone'


class PreconditionFailed(PileusError):
    """If-Match or a revision does not hold."""

    status = 412
    code = 'precondition_failed'


class TooLarge(PileusError):
    """A body or an amount past the limit."""

    status = 413
    code = 'too_large'


class UnsupportedMediaType(PileusError):
    """A content type that the route does not read."""

    status = 415
    code = 'unsupported_media_type'


class RangeNotSatisfiable(PileusError):
    """A byte range outside of the thing."""

    status = 416
    code = 'range_not_satisfiable'


class TooManyRequests(PileusError):
    """Slow down; `headers['Retry-After']` says how long."""

    status = 429
    code = 'too_many_requests'


class NotImplementedHere(PileusError):
    """The backend in use cannot do it."""

    status = 501
    code = 'not_implemented'


class Unavailable(PileusError):
    """A part that is needed does not answer now."""

    status = 503
    code = 'unavailable'
    default_message = 'A part that this request needs is not available now. Try again.'


class DeadlineExceeded(PileusError):
    """The time given was not enough."""

    status = 504
    code = 'deadline_exceeded'


class Transient(PileusError):
    """A step failed in a way that may pass: it is tried again until the operation's deadline."""

    status = 503
    code = 'transient'


class Refused(PileusError):
    """This host or place cannot do it; the step is undone and, where it allows, tried elsewhere."""

    status = 409
    code = 'refused'


class NoValidHost(Refused):
    """No host fits; the message says per dimension why."""

    code = 'no_valid_host'


def _tree(root: type[PileusError]) -> dict[str, type[PileusError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


def from_message(data: dict[str, Any]) -> PileusError:
    """The error that `to_message` wrote; an unknown type becomes the root class."""
    kind = _tree(PileusError).get(str(data.get('type')), PileusError)
    error = kind.__new__(kind)
    PileusError.__init__(
        error, data.get('message'), details=data.get('details') or {}, admin_detail=data.get('admin_detail'), code=data.get('code')
    )
    for name in ('field', 'resource', 'noun', 'identifier'):
        setattr(error, name, error.details.get(name))
    return error
