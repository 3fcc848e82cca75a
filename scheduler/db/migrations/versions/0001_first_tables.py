"""First tables."""

import sqlalchemy as sa
from alembic import op

from common.db.types import BIG, JSON, TIME

revision = '0001'
down_revision = None


def upgrade() -> None:
    op.create_table(
        'decisions',
        sa.Column('id', BIG, autoincrement=True, nullable=False),
        sa.Column('consumer', sa.String(length=64), nullable=False),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=True),
        sa.Column('project', sa.String(length=64), nullable=True),
        sa.Column('request_id', sa.String(length=64), nullable=True),
        sa.Column('global_request_id', sa.String(length=64), nullable=True),
        sa.Column('request', JSON, nullable=False),
        sa.Column('explanation', JSON, nullable=False),
        sa.Column('message', sa.String(length=255), nullable=False),
        sa.Column('duration', sa.Double(), nullable=False),
        sa.Column('at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_decisions')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_decisions_at'), 'decisions', ['at'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_decisions_consumer'), 'decisions', ['consumer'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_decisions_global_request_id'), 'decisions', ['global_request_id'], unique=False, if_not_exists=True)
    op.create_table(
        'groups',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_groups')),
        if_not_exists=True,
    )
    op.create_table(
        'hosts',
        sa.Column('id', BIG, autoincrement=True, nullable=False),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('zone', sa.String(length=255), nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('disabled_reason', sa.String(length=255), nullable=True),
        sa.Column('hypervisor', sa.String(length=64), nullable=True),
        sa.Column('architecture', sa.String(length=64), nullable=True),
        sa.Column('traits', JSON, nullable=False),
        sa.Column('capabilities', JSON, nullable=False),
        sa.Column('aggregates', JSON, nullable=False),
        sa.Column('vcpus', BIG, nullable=False),
        sa.Column('ram', BIG, nullable=False),
        sa.Column('disk', BIG, nullable=False),
        sa.Column('reserved_vcpus', BIG, nullable=False),
        sa.Column('reserved_ram', BIG, nullable=False),
        sa.Column('reserved_disk', BIG, nullable=False),
        sa.Column('ratio_vcpus', sa.Double(), nullable=True),
        sa.Column('ratio_ram', sa.Double(), nullable=True),
        sa.Column('ratio_disk', sa.Double(), nullable=True),
        sa.Column('capacity_vcpus', BIG, nullable=False),
        sa.Column('capacity_ram', BIG, nullable=False),
        sa.Column('capacity_disk', BIG, nullable=False),
        sa.Column('used_vcpus', BIG, nullable=False),
        sa.Column('used_ram', BIG, nullable=False),
        sa.Column('used_disk', BIG, nullable=False),
        sa.Column('generation', sa.Integer(), nullable=False),
        sa.Column('seen_at', TIME, nullable=False),
        sa.Column('changed_at', TIME, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('operator_set', JSON, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_hosts')),
        sa.UniqueConstraint('kind', 'name', name=op.f('uq_hosts_kind_name')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_hosts_changed_at'), 'hosts', ['changed_at'], unique=False, if_not_exists=True)
    op.create_table(
        'claims',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('consumer', sa.String(length=64), nullable=False),
        sa.Column('role', sa.String(length=16), nullable=False),
        sa.Column('host_id', BIG, nullable=False),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.Column('host', sa.String(length=255), nullable=False),
        sa.Column('project', sa.String(length=64), nullable=True),
        sa.Column('group_id', sa.String(length=64), nullable=True),
        sa.Column('vcpus', BIG, nullable=False),
        sa.Column('ram', BIG, nullable=False),
        sa.Column('disk', BIG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['host_id'], ['hosts.id'], name=op.f('fk_claims_host_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_claims')),
        sa.UniqueConstraint('consumer', 'role', name=op.f('uq_claims_consumer_role')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_claims_group_id'), 'claims', ['group_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_claims_host_id'), 'claims', ['host_id'], unique=False, if_not_exists=True)


def downgrade() -> None:
    op.drop_index(op.f('ix_claims_host_id'), table_name='claims', if_exists=True)
    op.drop_index(op.f('ix_claims_group_id'), table_name='claims', if_exists=True)
    op.drop_table('claims', if_exists=True)
    op.drop_index(op.f('ix_hosts_changed_at'), table_name='hosts', if_exists=True)
    op.drop_table('hosts', if_exists=True)
    op.drop_table('groups', if_exists=True)
    op.drop_index(op.f('ix_decisions_global_request_id'), table_name='decisions', if_exists=True)
    op.drop_index(op.f('ix_decisions_consumer'), table_name='decisions', if_exists=True)
    op.drop_index(op.f('ix_decisions_at'), table_name='decisions', if_exists=True)
    op.drop_table('decisions', if_exists=True)
