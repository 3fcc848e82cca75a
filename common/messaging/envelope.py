"""What travels: one JSON object, with a version, the caller's context and an absolute deadline. No pickles, no secrets of ours."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from common.context import Context
from common.errors import PileusError, from_message

VERSION = 1
CONTENT_TYPE = 'application/json'


@dataclasses.dataclass(slots=True)
class Envelope:
    """A request. `deadline` in seconds since the epoch; `reply_to` names a queue, empty for casts."""

    topic: str
    revision: int
    method: str
    arguments: dict[str, Any]
    context: dict[str, Any]
    message_id: str
    deadline: float
    reply_to: str = ''

    def pack(self) -> bytes:
        """As bytes to send."""
        body = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps({'version': VERSION, **body}, separators=(',', ':')).encode()

    @classmethod
    def unpack(cls, data: bytes | str) -> Envelope:
        """Read a request. Raises ValueError when it is none, or of a version that is not understood."""
        body = json.loads(data)
        if not isinstance(body, dict) or body.get('version') != VERSION:
            raise ValueError('not a message of a version that this process understands')
        try:
            return cls(**{name: body[name] for name in cls.__slots__})
        except KeyError as missing:
            raise ValueError(f'the message lacks {missing}') from None

    def caller(self) -> Context:
        """The context of the caller, with the deadline of the call."""
        return Context.from_message({**self.context, 'deadline': self.deadline})


def pack_answer(result: Any, error: PileusError | None) -> bytes:
    """An answer as bytes."""
    body = {'version': VERSION, 'result': result, 'error': error.to_message() if error else None}
    return json.dumps(body, separators=(',', ':')).encode()


def unpack_answer(data: bytes | str) -> Any:
    """The result of an answer; raises the error that it carries."""
    body = json.loads(data)
    if body.get('error') is not None:
        raise from_message(body['error'])
    return body['result']
