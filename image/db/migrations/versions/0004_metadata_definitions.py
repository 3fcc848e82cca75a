"""Metadata definitions."""

import sqlalchemy as sa
from alembic import op

from common.db.types import JSON, TIME

revision = '0004'
down_revision = '0003'


def upgrade() -> None:
    op.create_table(
        'metadef_namespaces',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('namespace', sa.String(length=80), nullable=False),
        sa.Column('display_name', sa.String(length=80), nullable=True),
        sa.Column('description', sa.Text(), nullable=True),
        sa.Column('visibility', sa.String(length=20), nullable=False),
        sa.Column('protected', sa.Boolean(), nullable=False),
        sa.Column('owner', sa.String(length=255), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_metadef_namespaces')),
        sa.UniqueConstraint('namespace', name=op.f('uq_metadef_namespaces_namespace')),
        if_not_exists=True,
    )
    op.create_index('ix_metadef_namespaces_owner', 'metadef_namespaces', ['owner'], unique=False, if_not_exists=True)
    op.create_table(
        'metadef_entries',
        sa.Column('id', sa.String(length=36), nullable=False),
        sa.Column('namespace_id', sa.String(length=36), nullable=False),
        sa.Column('kind', sa.String(length=16), nullable=False),
        sa.Column('name', sa.String(length=80), nullable=False),
        sa.Column('body', JSON, nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['namespace_id'], ['metadef_namespaces.id'], name=op.f('fk_metadef_entries_namespace_id'), ondelete='CASCADE'
        ),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_metadef_entries')),
        sa.UniqueConstraint('namespace_id', 'kind', 'name', name=op.f('uq_metadef_entries_namespace_id_kind_name')),
        if_not_exists=True,
    )
    op.create_table(
        'metadef_resource_types',
        sa.Column('name', sa.String(length=80), nullable=False),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('name', name=op.f('pk_metadef_resource_types')),
        if_not_exists=True,
    )
    op.create_table(
        'metadef_associations',
        sa.Column('namespace_id', sa.String(length=36), nullable=False),
        sa.Column('resource_type', sa.String(length=80), nullable=False),
        sa.Column('prefix', sa.String(length=80), nullable=True),
        sa.Column('properties_target', sa.String(length=80), nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ['namespace_id'], ['metadef_namespaces.id'], name=op.f('fk_metadef_associations_namespace_id'), ondelete='CASCADE'
        ),
        sa.ForeignKeyConstraint(['resource_type'], ['metadef_resource_types.name'], name=op.f('fk_metadef_associations_resource_type')),
        sa.PrimaryKeyConstraint('namespace_id', 'resource_type', name=op.f('pk_metadef_associations')),
        if_not_exists=True,
    )
    op.create_index('ix_metadef_associations_resource_type', 'metadef_associations', ['resource_type'], unique=False, if_not_exists=True)


def downgrade() -> None:
    op.drop_index('ix_metadef_associations_resource_type', table_name='metadef_associations', if_exists=True)
    op.drop_table('metadef_associations', if_exists=True)
    op.drop_table('metadef_resource_types', if_exists=True)
    op.drop_table('metadef_entries', if_exists=True)
    op.drop_index('ix_metadef_namespaces_owner', table_name='metadef_namespaces', if_exists=True)
    op.drop_table('metadef_namespaces', if_exists=True)
