"""glance's errors, in the form the client accepts: JSON `{"message", "code", "title"}`, or a small HTML page.

Clients that ask for JSON find `message` at the top; those that do not say (or say anything) take the tags off the page.
A quota that is used up is 413.
"""

from __future__ import annotations

import html

from common.api.faults import Formatted, finished, message_of
from common.api.statuses import phrase, status_line
from common.errors import OverQuota, PileusError

_PAGE = """<html>
 <head>
  <title>{line}</title>
 </head>
 <body>
  <h1>{line}</h1>
  {message}<br /><br />



 </body>
</html>"""


def format(error: PileusError, request_id: str, accept: str = '') -> Formatted:
    """The error in glance's form."""
    status = 413 if isinstance(error, OverQuota) else error.status
    message = message_of(error, request_id)
    if 'application/json' in accept:
        return finished(status, error, {'message': message, 'code': status_line(status), 'title': phrase(status)})
    data = _PAGE.format(line=status_line(status), message=html.escape(message, quote=False)).encode()
    return status, [*error.headers.items(), ('Content-Type', 'text/html; charset=UTF-8'), ('Content-Length', str(len(data)))], data
