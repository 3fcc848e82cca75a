"""Trusts and OAuth1."""

import sqlalchemy as sa
from alembic import op

from common.db.types import JSON, LONG_TEXT, TIME

revision = '0005'
down_revision = '0004'


def upgrade() -> None:
    op.create_table(
        'trusts',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('trustor_user_id', sa.String(length=64), nullable=False),
        sa.Column('trustor_domain_id', sa.String(length=64), nullable=False),
        sa.Column('trustee_user_id', sa.String(length=64), nullable=False),
        sa.Column('trustee_domain_id', sa.String(length=64), nullable=False),
        sa.Column('source_user_id', sa.String(length=64), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=True),
        sa.Column('impersonation', sa.Boolean(), nullable=False),
        sa.Column('role_ids', JSON, nullable=False),
        sa.Column('expires_at', TIME, nullable=True),
        sa.Column('remaining_uses', sa.Integer(), nullable=True),
        sa.Column('redelegation_count', sa.Integer(), nullable=False),
        sa.Column('redelegated_trust_id', sa.String(length=64), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('deleted_at', TIME, nullable=True),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_trusts')),
        if_not_exists=True,
    )
    users = ('trustor_user_id', 'trustor_domain_id', 'trustee_user_id', 'trustee_domain_id', 'source_user_id')
    _indexes('trusts', *users, 'project_id', 'redelegated_trust_id')
    op.create_table(
        'oauth_consumers',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('description', LONG_TEXT, nullable=True),
        sa.Column('sealed', LONG_TEXT, nullable=False),
        sa.Column('extra', JSON, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_oauth_consumers')),
        if_not_exists=True,
    )
    op.create_table(
        'oauth_request_tokens',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('consumer_id', sa.String(length=64), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('sealed', LONG_TEXT, nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=True),
        sa.Column('role_ids', JSON, nullable=False),
        sa.Column('verifier_digest', sa.String(length=64), nullable=True),
        sa.Column('expires_at', TIME, nullable=False),
        _of_consumer('oauth_request_tokens'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_oauth_request_tokens')),
        if_not_exists=True,
    )
    op.create_table(
        'oauth_access_tokens',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('consumer_id', sa.String(length=64), nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('sealed', LONG_TEXT, nullable=False),
        sa.Column('role_ids', JSON, nullable=False),
        sa.Column('expires_at', TIME, nullable=True),
        _of_consumer('oauth_access_tokens'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_oauth_access_tokens')),
        if_not_exists=True,
    )
    for table in ('oauth_request_tokens', 'oauth_access_tokens'):
        _indexes(table, 'consumer_id', 'project_id', 'user_id', 'expires_at')
    op.create_table(
        'oauth_seen_requests',
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('digest', name=op.f('pk_oauth_seen_requests')),
        if_not_exists=True,
    )
    _indexes('oauth_seen_requests', 'expires_at')


def _of_consumer(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f'fk_{table}_consumer_id')
    return sa.ForeignKeyConstraint(['consumer_id'], ['oauth_consumers.id'], name=name, ondelete='CASCADE')


def _indexes(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f'ix_{table}_{column}'), table, [column], unique=False, if_not_exists=True)
