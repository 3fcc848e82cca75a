"""First tables."""

import sqlalchemy as sa
from alembic import op

from common.db.types import BIG, JSON, LONG_TEXT, TIME

revision = '0001'
down_revision = None


def upgrade() -> None:
    op.create_table(
        'projects',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('domain_id', sa.String(length=64), nullable=False),
        sa.Column('parent_id', sa.String(length=64), nullable=True),
        sa.Column('is_domain', sa.Boolean(), nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('description', LONG_TEXT, nullable=False),
        sa.Column('options', JSON, nullable=False),
        sa.Column('extra', JSON, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['parent_id'], ['projects.id'], name=op.f('fk_projects_parent_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_projects')),
        sa.UniqueConstraint('domain_id', 'name', name=op.f('uq_projects_domain_id_name')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_projects_parent_id'), 'projects', ['parent_id'], unique=False, if_not_exists=True)
    op.create_table(
        'regions',
        sa.Column('id', sa.String(length=255), nullable=False),
        sa.Column('description', LONG_TEXT, nullable=False),
        sa.Column('parent_region_id', sa.String(length=255), nullable=True),
        sa.Column('extra', JSON, nullable=False),
        sa.ForeignKeyConstraint(['parent_region_id'], ['regions.id'], name=op.f('fk_regions_parent_region_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_regions')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_regions_parent_region_id'), 'regions', ['parent_region_id'], unique=False, if_not_exists=True)
    op.create_table(
        'revocations',
        sa.Column('id', BIG, autoincrement=True, nullable=False),
        sa.Column('issued_before', TIME, nullable=False),
        sa.Column('expires_at', TIME, nullable=False),
        sa.Column('matches', JSON, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_revocations')),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    op.create_index(op.f('ix_revocations_expires_at'), 'revocations', ['expires_at'], unique=False, if_not_exists=True)
    op.create_table(
        'roles',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('domain_id', sa.String(length=64), nullable=False),
        sa.Column('description', LONG_TEXT, nullable=True),
        sa.Column('options', JSON, nullable=False),
        sa.Column('extra', JSON, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_roles')),
        sa.UniqueConstraint('domain_id', 'name', name=op.f('uq_roles_domain_id_name')),
        if_not_exists=True,
    )
    op.create_table(
        'services',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('type', sa.String(length=255), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=True),
        sa.Column('description', LONG_TEXT, nullable=True),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('extra', JSON, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_services')),
        if_not_exists=True,
    )
    op.create_table(
        'assignments',
        sa.Column('actor_id', sa.String(length=64), nullable=False),
        sa.Column('target_id', sa.String(length=64), nullable=False),
        sa.Column('role_id', sa.String(length=64), nullable=False),
        sa.Column('target_kind', sa.String(length=16), nullable=False),
        sa.Column('actor_kind', sa.String(length=16), nullable=False),
        sa.Column('inherited', sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(['role_id'], ['roles.id'], name=op.f('fk_assignments_role_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('actor_id', 'target_id', 'role_id', 'target_kind', 'actor_kind', 'inherited', name=op.f('pk_assignments')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_assignments_role_id'), 'assignments', ['role_id'], unique=False, if_not_exists=True)
    op.create_index(
        op.f('ix_assignments_target_id_target_kind'), 'assignments', ['target_id', 'target_kind'], unique=False, if_not_exists=True
    )
    op.create_table(
        'endpoints',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('service_id', sa.String(length=64), nullable=False),
        sa.Column('interface', sa.String(length=16), nullable=False),
        sa.Column('region_id', sa.String(length=255), nullable=True),
        sa.Column('url', LONG_TEXT, nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('extra', JSON, nullable=False),
        sa.ForeignKeyConstraint(['region_id'], ['regions.id'], name=op.f('fk_endpoints_region_id')),
        sa.ForeignKeyConstraint(['service_id'], ['services.id'], name=op.f('fk_endpoints_service_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_endpoints')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_endpoints_region_id'), 'endpoints', ['region_id'], unique=False, if_not_exists=True)
    op.create_index(op.f('ix_endpoints_service_id'), 'endpoints', ['service_id'], unique=False, if_not_exists=True)
    op.create_table(
        'groups',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('domain_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=64), nullable=False),
        sa.Column('description', LONG_TEXT, nullable=False),
        sa.Column('extra', JSON, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(['domain_id'], ['projects.id'], name=op.f('fk_groups_domain_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_groups')),
        sa.UniqueConstraint('domain_id', 'name', name=op.f('uq_groups_domain_id_name')),
        if_not_exists=True,
    )
    op.create_table(
        'implied_roles',
        sa.Column('prior_role_id', sa.String(length=64), nullable=False),
        sa.Column('implied_role_id', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(['implied_role_id'], ['roles.id'], name=op.f('fk_implied_roles_implied_role_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['prior_role_id'], ['roles.id'], name=op.f('fk_implied_roles_prior_role_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('prior_role_id', 'implied_role_id', name=op.f('pk_implied_roles')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_implied_roles_implied_role_id'), 'implied_roles', ['implied_role_id'], unique=False, if_not_exists=True)
    op.create_table(
        'project_tags',
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(['project_id'], ['projects.id'], name=op.f('fk_project_tags_project_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('project_id', 'name', name=op.f('pk_project_tags')),
        if_not_exists=True,
    )
    op.create_table(
        'users',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('domain_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('enabled', sa.Boolean(), nullable=False),
        sa.Column('default_project_id', sa.String(length=64), nullable=True),
        sa.Column('options', JSON, nullable=False),
        sa.Column('extra', JSON, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('failed_logins', sa.Integer(), nullable=False),
        sa.Column('failed_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['domain_id'], ['projects.id'], name=op.f('fk_users_domain_id')),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_users')),
        sa.UniqueConstraint('domain_id', 'name', name=op.f('uq_users_domain_id_name')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_users_default_project_id'), 'users', ['default_project_id'], unique=False, if_not_exists=True)
    op.create_table(
        'group_members',
        sa.Column('user_id', sa.String(length=64), nullable=False),
        sa.Column('group_id', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(['group_id'], ['groups.id'], name=op.f('fk_group_members_group_id'), ondelete='CASCADE'),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_group_members_user_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('user_id', 'group_id', name=op.f('pk_group_members')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_group_members_group_id'), 'group_members', ['group_id'], unique=False, if_not_exists=True)
    op.create_table(
        'passwords',
        sa.Column('id', BIG, autoincrement=True, nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=False),
        sa.Column('hash', sa.String(length=255), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('expires_at', TIME, nullable=True),
        sa.ForeignKeyConstraint(['user_id'], ['users.id'], name=op.f('fk_passwords_user_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_passwords')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_passwords_user_id_id'), 'passwords', ['user_id', 'id'], unique=False, if_not_exists=True)


def downgrade() -> None:
    op.drop_index(op.f('ix_passwords_user_id_id'), table_name='passwords', if_exists=True)
    op.drop_table('passwords', if_exists=True)
    op.drop_index(op.f('ix_group_members_group_id'), table_name='group_members', if_exists=True)
    op.drop_table('group_members', if_exists=True)
    op.drop_index(op.f('ix_users_default_project_id'), table_name='users', if_exists=True)
    op.drop_table('users', if_exists=True)
    op.drop_table('project_tags', if_exists=True)
    op.drop_index(op.f('ix_implied_roles_implied_role_id'), table_name='implied_roles', if_exists=True)
    op.drop_table('implied_roles', if_exists=True)
    op.drop_table('groups', if_exists=True)
    op.drop_index(op.f('ix_endpoints_service_id'), table_name='endpoints', if_exists=True)
    op.drop_index(op.f('ix_endpoints_region_id'), table_name='endpoints', if_exists=True)
    op.drop_table('endpoints', if_exists=True)
    op.drop_index(op.f('ix_assignments_target_id_target_kind'), table_name='assignments', if_exists=True)
    op.drop_index(op.f('ix_assignments_role_id'), table_name='assignments', if_exists=True)
    op.drop_table('assignments', if_exists=True)
    op.drop_table('services', if_exists=True)
    op.drop_table('roles', if_exists=True)
    op.drop_index(op.f('ix_revocations_expires_at'), table_name='revocations', if_exists=True)
    op.drop_table('revocations', if_exists=True)
    op.drop_index(op.f('ix_regions_parent_region_id'), table_name='regions', if_exists=True)
    op.drop_table('regions', if_exists=True)
    op.drop_index(op.f('ix_projects_parent_id'), table_name='projects', if_exists=True)
    op.drop_table('projects', if_exists=True)
