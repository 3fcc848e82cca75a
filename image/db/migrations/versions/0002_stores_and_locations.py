"""Where the data of an image is."""

import sqlalchemy as sa
from alembic import op

from common.db.types import BIG, JSON, TIME

revision = '0002'
down_revision = '0001'

# What the only store is called where the options name none; the data of all older images is there.
_STORE = 'default'


def upgrade() -> None:
    op.create_table(
        'image_locations',
        sa.Column('id', BIG, autoincrement=True, nullable=False),
        sa.Column('image_id', sa.String(length=36), nullable=False),
        sa.Column('store', sa.String(length=64), nullable=False),
        sa.Column('url', sa.Text(), nullable=False),
        sa.Column('metadata', JSON, nullable=True),
        sa.Column('status', sa.String(length=16), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('own_key', sa.String(length=101), nullable=True),
        sa.Column('upload_id', sa.String(length=36), nullable=True),
        sa.Column('owner', sa.String(length=36), nullable=True),
        sa.Column('upload_until', TIME, nullable=True),
        sa.Column('created_at', TIME, nullable=False),
        sa.Column('updated_at', TIME, nullable=False),
        sa.PrimaryKeyConstraint('id', name=op.f('pk_image_locations')),
        sa.UniqueConstraint('own_key', name=op.f('uq_image_locations_own_key')),
        if_not_exists=True,
    )
    op.create_index(op.f('ix_image_locations_image_id'), 'image_locations', ['image_id'], unique=False, if_not_exists=True)
    op.create_index('ix_image_locations_status', 'image_locations', ['status'], unique=False, if_not_exists=True)
    _locate_existing()


def _locate_existing() -> None:
    images = sa.table('images', *(sa.column(name) for name in ('id', 'status', 'created_at')))
    images.c.id.type = sa.String(36)
    names = ('image_id', 'store', 'url', 'status', 'position', 'own_key', 'created_at', 'updated_at')
    locations = sa.table('image_locations', *(sa.column(name) for name in names))
    known = sa.select(locations.c.own_key).where(locations.c.own_key.is_not(None))
    key = images.c.id + f'/{_STORE}'
    rows = sa.select(
        images.c.id, sa.literal(_STORE), sa.literal(''), sa.literal('active'), sa.literal(0), key, images.c.created_at, images.c.created_at
    ).where(images.c.status.in_(('active', 'deactivated')), key.not_in(known))
    op.execute(locations.insert().from_select(names, rows))


def downgrade() -> None:
    op.drop_table('image_locations', if_exists=True)
