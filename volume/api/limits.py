"""Limits: what the caller's project may have and has."""

from __future__ import annotations

from typing import Any

from common.api import GET, Call, Reply, Resource, Str
from common.policy import READER, Rule
from volume import quotas
from volume.api import answers

RULE = Rule('volume:limits:show', READER, 'Show the limits of the project')


def show_limits(call: Call) -> Reply:
    """Limits and use."""
    found = quotas.show(call.service, call.ctx.project_id or '')
    absolute: dict[str, Any] = {
        'maxTotalVolumes': found['volumes']['limit'],
        'maxTotalVolumeGigabytes': found['gigabytes']['limit'],
        'maxTotalSnapshots': found['snapshots']['limit'],
        'maxTotalBackups': found['backups']['limit'],
        'maxTotalBackupGigabytes': found['backup_gigabytes']['limit'],
        'totalVolumesUsed': found['volumes']['in_use'],
        'totalGigabytesUsed': found['gigabytes']['in_use'],
        'totalSnapshotsUsed': 0,
        'totalBackupsUsed': 0,
        'totalBackupGigabytesUsed': 0,
    }
    return Reply({'limits': {'rate': [], 'absolute': absolute}}, wrap=False)


LIMITS = Resource(
    'limits',
    rules=[RULE],
    routes=[GET('/v3/{project}/limits', show_limits, policy=RULE, listing=False, response=answers.LIMITS, query={'project_id': Str(64)})],
)
