"""The tables of operations, the same in every service's database.

`live_key` is `<type>/<id>` while an operation owns its resource and NULL afterwards: a plain unique index then allows one live
operation per resource on every database (NULLs never collide). `place` says where the next step runs; NULL once nothing is left to do.
"""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from common.db.types import BIG, JSON, TIME


@dataclasses.dataclass(frozen=True)
class OperationTables:
    """The three tables of one service's metadata."""

    operations: sa.Table
    events: sa.Table
    requests: sa.Table


def operation_tables(metadata: sa.MetaData) -> OperationTables:
    """Add `operations`, `operation_events` and `request_events` to the metadata (once), and return them."""
    if 'operations' in metadata.tables:
        tables = metadata.tables
        return OperationTables(tables['operations'], tables['operation_events'], tables['request_events'])
    return OperationTables(_operations(metadata), _events(metadata), _requests(metadata))


def _operations(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        'operations',
        metadata,
        sa.Column('id', sa.String(36), primary_key=True),
        sa.Column('kind', sa.String(64), nullable=False),
        sa.Column('version', sa.Integer, nullable=False),
        sa.Column('resource_type', sa.String(32), nullable=False),
        sa.Column('resource_id', sa.String(64), nullable=False),
        sa.Column('live_key', sa.String(100), nullable=True),
        sa.Column('state', sa.String(16), nullable=False),
        sa.Column('position', sa.Integer, nullable=False),
        sa.Column('params', JSON, nullable=False),
        sa.Column('memory', JSON, nullable=False),
        sa.Column('fault', JSON, nullable=True),
        sa.Column('context', JSON, nullable=False),
        sa.Column('project', sa.String(64), nullable=True),
        sa.Column('user', sa.String(64), nullable=True),
        sa.Column('request_id', sa.String(64), nullable=False),
        sa.Column('global_request_id', sa.String(64), nullable=False),
        sa.Column('reason', sa.String(255), nullable=True),
        sa.Column('parent', sa.String(36), nullable=True),
        sa.Column('waits_for', sa.String(36), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.Column('deadline_at', TIME, nullable=True),
        sa.Column('ended_at', TIME, nullable=True),
        sa.Column('host', sa.String(255), nullable=True),
        sa.Column('place', sa.String(255), nullable=True),
        sa.Column('run_at', TIME, nullable=False),
        sa.Column('stalled', sa.Boolean, nullable=False),
        sa.Column('lease_owner', sa.String(160), nullable=True),
        sa.Column('lease_until', TIME, nullable=True),
        sa.Column('generation', sa.Integer, nullable=False),
        sa.Column('attempts', sa.Integer, nullable=False),
        sa.Column('attention', sa.Boolean, nullable=False),
        sa.Column('event_count', sa.Integer, nullable=False),
        sa.UniqueConstraint('live_key'),
        sa.Index(None, 'place', 'run_at'),
        sa.Index(None, 'resource_id', 'created_at'),
        sa.Index(None, 'request_id'),
        sa.Index(None, 'global_request_id'),
        sa.Index(None, 'waits_for'),
    )


def _events(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        'operation_events',
        metadata,
        sa.Column('operation_id', sa.String(36), primary_key=True),
        sa.Column('seq', sa.Integer, primary_key=True, autoincrement=False),
        sa.Column('step', sa.String(64), nullable=False),
        sa.Column('direction', sa.String(8), nullable=False),
        sa.Column('event', sa.String(16), nullable=False),
        sa.Column('host', sa.String(255), nullable=True),
        sa.Column('at', TIME, nullable=False),
        sa.Column('data', JSON, nullable=True),
    )


def _requests(metadata: sa.MetaData) -> sa.Table:
    return sa.Table(
        'request_events',
        metadata,
        sa.Column('id', BIG, primary_key=True, autoincrement=True),
        sa.Column('global_request_id', sa.String(64), nullable=False),
        sa.Column('request_id', sa.String(64), nullable=False),
        sa.Column('method', sa.String(16), nullable=False),
        sa.Column('path', sa.String(512), nullable=False),
        sa.Column('status', sa.Integer, nullable=False),
        sa.Column('user', sa.String(64), nullable=True),
        sa.Column('project', sa.String(64), nullable=True),
        sa.Column('at', TIME, nullable=False),
        sa.Column('duration', sa.Float, nullable=False),
        sa.Index(None, 'request_id'),
        sa.Index(None, 'global_request_id'),
        sa.Index(None, 'at'),
    )
