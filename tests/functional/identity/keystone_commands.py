"""Run by the interpreter of an environment with the old `keystone` client: one JSON list of words a line in, one answer a line out."""

import collections
import contextlib
import inspect
import io
import json
import sys

# The client was written for Pythons that had this function, which left the standard library with 3.11.
_Spec = collections.namedtuple('_Spec', 'args varargs keywords defaults')
if not hasattr(inspect, 'getargspec'):
    inspect.getargspec = lambda function: _Spec(*inspect.getfullargspec(function)[:4])

from keystoneclient.shell import OpenStackIdentityShell  # noqa: E402

for line in sys.stdin:
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            OpenStackIdentityShell().main(json.loads(line))
        answer = {'out': out.getvalue()}
    except BaseException as error:
        answer = {'error': f'{type(error).__name__}: {error}', 'out': out.getvalue()}
    print(json.dumps(answer), flush=True)
