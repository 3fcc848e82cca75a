"""From where users have logged in; sets of roles."""

import sqlalchemy as sa
from alembic import op

from common.db.types import JSON, TIME

revision = '0007'
down_revision = '0006'


def upgrade() -> None:
    op.create_table(
        'login_homes',
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('until', TIME, nullable=False),
        sa.PrimaryKeyConstraint('digest', name=op.f('pk_login_homes')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_login_homes_until'), 'login_homes', ['until'], if_not_exists=True)
    op.create_table(
        'role_sets',
        sa.Column('digest', sa.String(length=64), nullable=False),
        sa.Column('names', JSON, nullable=False),
        sa.Column('used_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('digest', name=op.f('pk_role_sets')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_role_sets_used_at'), 'role_sets', ['used_at'], if_not_exists=True)


def downgrade() -> None:
    op.drop_table('role_sets', if_exists=True)
    op.drop_table('login_homes', if_exists=True)
