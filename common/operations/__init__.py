"""Long-running work as rows: lists of steps that survive the death of any process. See `docs/add-an-operation.md`."""

from common.operations.definition import HOST, SERVICE, NotYet, Operation, Step, host_location, host_of, minutes, on_host_of, seconds
from common.operations.run import Run
from common.operations.runner import Runner
from common.operations.service import LocalBell, Operations
from common.operations.tables import operation_tables

__all__ = [
    'HOST',
    'SERVICE',
    'LocalBell',
    'NotYet',
    'Operation',
    'Operations',
    'Run',
    'Runner',
    'Step',
    'host_location',
    'host_of',
    'minutes',
    'on_host_of',
    'operation_tables',
    'seconds',
]
