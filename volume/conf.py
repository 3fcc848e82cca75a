"""Options of the volume service."""

from __future__ import annotations

from common.config import group, option


@group('volume')
class VolumeOptions:
    """What an operator may set under `[volume]`."""

    pool: str = option('file', help='Where volume data lives: file, simulated')
    target: str = option('tgt', help='How volumes reach hosts: tgt, simulated')
    directory: str = option('', help='Directory of the file pool; empty: volumes/ below the state directory')
    target_address: str = option('127.0.0.1', help='Address that hosts reach the iSCSI target at')
    target_port: int = option(3260, min=1, max=65535, help='Port of the iSCSI target')
    target_control: int = option(0, min=0, help='Control port of tgtd (its option -C)')
    simulated_total_gib: int = option(1048576, min=1, help='Room of the simulated pool in GiB')
    availability_zone: str = option('nova', help='Availability zone of the volumes of this host')
    report_interval: int = option(10, min=1, help='Seconds between reports of the worker')
    host_timeout: int = option(60, min=2, help='Seconds of silence after which a worker counts as down')
    reconcile_interval: int = option(60, min=1, help='Seconds between passes that compare exports with the database')
    max_size: int = option(65536, min=1, help='Largest volume in GiB')
    default_type: str = option('__DEFAULT__', help='Volume type of volumes that name none')
    quota_volumes: int = option(100, min=-1, help='Volumes a project may have; -1: no limit')
    quota_snapshots: int = option(100, min=-1, help='Snapshots a project may have; -1: no limit')
    quota_gigabytes: int = option(10000, min=-1, help='GiB of volumes and snapshots a project may have; -1: no limit')
    quota_per_volume_gigabytes: int = option(-1, min=-1, help='GiB one volume may have; -1: no limit')
