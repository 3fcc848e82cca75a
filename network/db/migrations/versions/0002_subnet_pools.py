"""Subnet pools."""

import sqlalchemy as sa
from alembic import op

from common.db.types import BIG, JSON, LONG_TEXT, TIME

revision = '0002'
down_revision = '0001'


def upgrade() -> None:
    op.create_table(
        'subnet_pools',
        sa.Column('ip_version', sa.Integer(), nullable=False),
        sa.Column('prefixes', JSON, nullable=False),
        sa.Column('min_prefixlen', sa.Integer(), nullable=False),
        sa.Column('default_prefixlen', sa.Integer(), nullable=False),
        sa.Column('max_prefixlen', sa.Integer(), nullable=False),
        sa.Column('default_quota', sa.Integer(), nullable=True),
        sa.Column('shared', sa.Boolean(), nullable=False),
        sa.Column('is_default', sa.Boolean(), nullable=False),
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('description', sa.String(length=255), nullable=False),
        sa.Column('tags', LONG_TEXT, nullable=False),
        sa.Column('revision_number', BIG, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_subnet_pools')),
        if_not_exists=True,
    )
    with op.batch_alter_table('subnet_pools', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_subnet_pools_project_id'), ['project_id'], unique=False)

    with op.batch_alter_table('subnets', schema=None) as batch_op:
        batch_op.add_column(sa.Column('subnetpool_id', sa.String(length=36), nullable=True))
        batch_op.create_index(batch_op.f('ix_subnets_subnetpool_id'), ['subnetpool_id'], unique=False)
        batch_op.create_foreign_key(batch_op.f('fk_subnets_subnetpool_id'), 'subnet_pools', ['subnetpool_id'], ['id'])


def downgrade() -> None:
    with op.batch_alter_table('subnets', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_subnets_subnetpool_id'), type_='foreignkey')
        batch_op.drop_index(batch_op.f('ix_subnets_subnetpool_id'))
        batch_op.drop_column('subnetpool_id')

    with op.batch_alter_table('subnet_pools', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_subnet_pools_project_id'))

    op.drop_table('subnet_pools', if_exists=True)
