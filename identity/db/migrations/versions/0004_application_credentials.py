"""Application credentials and access rules."""

import sqlalchemy as sa
from alembic import op

from common.db.types import LONG_TEXT, TIME

revision = '0004'
down_revision = '0003'


def upgrade() -> None:
    op.create_table(
        'application_credentials',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=False),
        sa.Column('project_id', sa.String(length=64), nullable=False),
        sa.Column('name', sa.String(length=255), nullable=False),
        sa.Column('description', LONG_TEXT, nullable=True),
        sa.Column('secret_hash', sa.String(length=255), nullable=False),
        sa.Column('unrestricted', sa.Boolean(), nullable=False),
        sa.Column('expires_at', TIME, nullable=True),
        sa.Column('access_rules_digest', sa.String(length=32), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_application_credentials')),
        sa.UniqueConstraint('user_id', 'name', name=op.f('uq_application_credentials_user_id_name')),
        if_not_exists=True,
    )
    for column in ('project_id', 'access_rules_digest'):
        name = op.f(f'ix_application_credentials_{column}')
        op.create_index(name, 'application_credentials', [column], unique=False, if_not_exists=True)
    op.create_table(
        'access_rules',
        sa.Column('id', sa.String(length=64), nullable=False),
        sa.Column('user_id', sa.String(length=64), nullable=False),
        sa.Column('service', sa.String(length=255), nullable=False),
        sa.Column('method', sa.String(length=16), nullable=False),
        sa.Column('path', sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_access_rules')),
        sa.UniqueConstraint('user_id', 'service', 'method', 'path', name=op.f('uq_access_rules_user_id_service_method_path')),
        if_not_exists=True,
    )
    op.create_table(
        'application_credential_roles',
        sa.Column('application_credential_id', sa.String(length=64), nullable=False),
        sa.Column('role_id', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ['application_credential_id'],
            ['application_credentials.id'],
            name='fk_application_credential_roles_credential',
            ondelete='CASCADE',
        ),
        sa.ForeignKeyConstraint(['role_id'], ['roles.id'], name=op.f('fk_application_credential_roles_role_id'), ondelete='CASCADE'),
        sa.PrimaryKeyConstraint('application_credential_id', 'role_id', name=op.f('pk_application_credential_roles')),
        if_not_exists=True,
    )
    op.create_table(
        'application_credential_access_rules',
        sa.Column('application_credential_id', sa.String(length=64), nullable=False),
        sa.Column('access_rule_id', sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ['application_credential_id'],
            ['application_credentials.id'],
            name='fk_application_credential_access_rules_credential',
            ondelete='CASCADE',
        ),
        sa.ForeignKeyConstraint(['access_rule_id'], ['access_rules.id'], name='fk_application_credential_access_rules_rule'),
        sa.PrimaryKeyConstraint('application_credential_id', 'access_rule_id', name=op.f('pk_application_credential_access_rules')),
        if_not_exists=True,
    )
    for table, column in (('application_credential_roles', 'role_id'), ('application_credential_access_rules', 'access_rule_id')):
        op.create_index(op.f(f'ix_{table}_{column}'), table, [column], unique=False, if_not_exists=True)
