"""Endpoint groups, policies, limits and domain configuration."""

import sqlalchemy as sa
from alembic import op

from common.db.types import JSON, LONG_TEXT

revision = '0003'
down_revision = '0002'


def upgrade() -> None:
    op.create_table(
        'endpoint_groups',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('description', LONG_TEXT, nullable=True),
        sa.Column('filters', JSON, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_endpoint_groups')),
        if_not_exists=True,
    )
    op.create_table(
        'policies',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('type', sa.String(length=255), nullable=False),
        sa.Column('blob', LONG_TEXT, nullable=False),
        sa.Column('extra', JSON, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_policies')),
        if_not_exists=True,
    )
    op.create_table(
        'domain_options',
        sa.Column('domain_id', sa.String(length=64), nullable=False),
        sa.Column('section', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('value', JSON, nullable=False),
        sa.ForeignKeyConstraint(['domain_id'], ['projects.id'], name=op.f('fk_domain_options_domain_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('domain_id', 'section', 'name', name=op.f('pk_domain_options')),
        if_not_exists=True,
    )
    op.create_table(
        'project_endpoint_groups',
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('endpoint_group_id', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ['endpoint_group_id'], ['endpoint_groups.id'], name=op.f('fk_project_endpoint_groups_endpoint_group_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_project_endpoint_groups_project_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('project_id', 'endpoint_group_id', name=op.f('pk_project_endpoint_groups')),
        if_not_exists=True,
    )
    op.create_index(
        op.f('ix_project_endpoint_groups_endpoint_group_id'),
        'project_endpoint_groups',
        ['endpoint_group_id'],
        unique=False,
        if_not_exists=True,
    )
    op.create_table(
        'registered_limits',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('of', sa.String(length=64), nullable=False),
        sa.Column('service_id', sa.String(length=64), nullable=False),
        sa.Column('region_id', sa.String(length=255), nullable=True),
        sa.Column('resource_name', sa.String(length=255), nullable=False),
        sa.Column('default_limit', sa.Integer(), nullable=False),
        sa.Column('description', LONG_TEXT, nullable=True),
        sa.ForeignKeyConstraint(['region_id'], ['regions.id'], name=op.f('fk_registered_limits_region_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['service_id'], ['services.id'], name=op.f('fk_registered_limits_service_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_registered_limits')),
        sa.UniqueConstraint('of', name=op.f('uq_registered_limits_of')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_registered_limits_region_id'), 'registered_limits', ['region_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_registered_limits_service_id'), 'registered_limits', ['service_id'], unique=False, if_not_exists=True)
    op.create_table(
        'limits',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('registered_limit_id', sa.String(length=64), nullable=False),
        sa.Column('owner_id', sa.String(length=64), nullable=False),
        sa.Column('resource_limit', sa.Integer(), nullable=False),
        sa.Column('description', LONG_TEXT, nullable=True),
        sa.ForeignKeyConstraint(['owner_id'], ['projects.id'], name=op.f('fk_limits_owner_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(
            ['registered_limit_id'], ['registered_limits.id'], name=op.f('fk_limits_registered_limit_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_limits')),
        sa.UniqueConstraint('registered_limit_id', 'owner_id', name=op.f('uq_limits_registered_limit_id_owner_id')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_limits_owner_id'), 'limits', ['owner_id'], unique=False, if_not_exists=True)
    op.create_table(
        'policy_associations',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('policy_id', sa.String(length=64), nullable=False),
        sa.Column('endpoint_id', sa.String(length=64), nullable=True),
        sa.Column('service_id', sa.String(length=64), nullable=True),
        sa.Column('region_id', sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(['endpoint_id'], ['endpoints.id'], name=op.f('fk_policy_associations_endpoint_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['policy_id'], ['policies.id'], name=op.f('fk_policy_associations_policy_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['region_id'], ['regions.id'], name=op.f('fk_policy_associations_region_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['service_id'], ['services.id'], name=op.f('fk_policy_associations_service_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_policy_associations')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_policy_associations_endpoint_id'), 'policy_associations', ['endpoint_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_policy_associations_policy_id'), 'policy_associations', ['policy_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_policy_associations_region_id'), 'policy_associations', ['region_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_policy_associations_service_id'), 'policy_associations', ['service_id'], unique=False, if_not_exists=True)
    op.create_table(
        'project_endpoints',
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('endpoint_id', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(['endpoint_id'], ['endpoints.id'], name=op.f('fk_project_endpoints_endpoint_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_project_endpoints_project_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('project_id', 'endpoint_id', name=op.f('pk_project_endpoints')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_project_endpoints_endpoint_id'), 'project_endpoints', ['endpoint_id'], unique=False, if_not_exists=True)
