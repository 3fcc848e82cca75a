"""Column types and the base class of every service's models.

In a model, `Mapped[str]` is VARCHAR(255), `Mapped[datetime]` a UTC time with microseconds, `Mapped[dict[str, Any]]` and
`Mapped[list[Any]]` JSON. JSON values are not watched for changes inside: assign a new dict or list.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from common import clock, ids

TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), 'mysql', 'mariadb')
"""A UTC time without zone, with microseconds on every database."""
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), 'postgresql')
"""Any JSON value."""
BIG = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
"""64 bits; on SQLite the kind of integer that a primary key can count up."""
LONG_TEXT = sa.Text().with_variant(mysql.LONGTEXT(), 'mysql', 'mariadb')
"""Text without a practical limit."""

Str16 = Annotated[str, mapped_column(sa.String(16))]
Str32 = Annotated[str, mapped_column(sa.String(32))]
Str64 = Annotated[str, mapped_column(sa.String(64))]
Str255 = Annotated[str, mapped_column(sa.String(255))]
LongText = Annotated[str, mapped_column(LONG_TEXT)]
Uuid = Annotated[str, mapped_column(sa.String(36))]
UuidKey = Annotated[str, mapped_column(sa.String(36), primary_key=True, default=ids.new_id)]
BigInt = Annotated[int, mapped_column(BIG)]
BigKey = Annotated[int, mapped_column(BIG, primary_key=True, autoincrement=True)]

NAMING = {
    'ix': 'ix_%(table_name)s_%(column_0_N_name)s',
    'uq': 'uq_%(table_name)s_%(column_0_N_name)s',
    'ck': 'ck_%(table_name)s_%(constraint_name)s',
    'fk': 'fk_%(table_name)s_%(column_0_N_name)s',
    'pk': 'pk_%(table_name)s',
}


def declarative_base_for(service: str) -> Any:
    """A fresh declarative base (own metadata) for the models of one service. (Any: type checkers cannot follow a class made here.)"""

    class Base(DeclarativeBase):
        metadata = sa.MetaData(naming_convention=NAMING, info={'service': service})
        type_annotation_map = {
            str: sa.String(255),
            datetime.datetime: TIME,
            dict[str, Any]: JSON,
            dict[str, str]: JSON,
            list[Any]: JSON,
            list[str]: JSON,
            list[dict[str, Any]]: JSON,
        }

        def __repr__(self) -> str:
            keys = ' '.join(str(getattr(self, str(column.key), '?')) for column in sa.inspect(type(self)).primary_key)
            return f'<{type(self).__name__} {keys}>'

    return Base


class WithId:
    """Mixin: `id`, a UUID made here."""

    id: Mapped[UuidKey]


class WithTimes:
    """Mixin: `created_at` and `updated_at`, kept by the session."""

    created_at: Mapped[datetime.datetime] = mapped_column(TIME, default=clock.now)
    updated_at: Mapped[datetime.datetime | None] = mapped_column(TIME, onupdate=clock.now)
