"""Statements that are made once and run often.

    _BY_ID = prepared(sa.select(TABLE).where(TABLE.c.id == sa.bindparam('b_id')))
    session.execute(_BY_ID, {'b_id': identifier}).first()

For SQLAlchemy to find out that it has compiled a statement already, and to wrap what comes back, takes several times as long as a
small query. Here the text for the driver and the conversions of values are worked out once for each kind of database, and rows
are named tuples. For tables and their columns, not for mapped classes; sessions of `Database` alone can run them.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

Convert = Callable[[Any], Any]
LONGEST_LIST = 500
"""Values in an IN above which SQLAlchemy runs the statement: there it is worth its cost, and its texts need not be kept."""
_MOST_TEXTS, _MOST_COMPILED = 64, 64


def prepared(statement: Any) -> Any:
    """A statement to be given to `session.execute` with its parameters: a SELECT, INSERT, UPDATE or DELETE."""
    return Prepared(statement)


class Found:
    """What a statement gave: as a result of SQLAlchemy, with the rows read already."""

    __slots__ = ('rows', 'rowcount')

    def __init__(self, rows: list[Any], rowcount: int) -> None:
        self.rows, self.rowcount = rows, rowcount

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def all(self) -> list[Any]:
        """All rows."""
        return self.rows

    def first(self) -> Any | None:
        """The first row, or None."""
        return self.rows[0] if self.rows else None

    def one(self) -> Any:
        """The only row. Raises LookupError where there is none, or another."""
        if len(self.rows) != 1:
            raise LookupError(f'{len(self.rows)} rows where one was expected')
        return self.rows[0]

    def one_or_none(self) -> Any | None:
        """The only row, or None. Raises LookupError where there is another."""
        return self.one() if self.rows else None

    def scalar(self) -> Any | None:
        """The first column of the first row, or None."""
        return self.rows[0][0] if self.rows else None

    def scalar_one(self) -> Any:
        """The first column of the only row. Raises LookupError as `one` does."""
        return self.one()[0]

    def scalars(self) -> Iterator[Any]:
        """The first column of each row."""
        return iter([row[0] for row in self.rows])


class Prepared:
    """See `prepared`. What was compiled is kept for each dialect and each set of given columns."""

    def __init__(self, statement: Any) -> None:
        self.statement = statement
        self._compiled: dict[Any, _Compiled] = {}

    def run(self, connection: sa.Connection, values: Any) -> Any:
        """Run it in the transaction of a connection.

        :param values: by name, or a list of such for an INSERT of many rows
        :raises: DBAPIError as SQLAlchemy does
        """
        values = {} if values is None else values
        many = isinstance(values, list)
        names = frozenset(values[0] if many else values)
        compiled = self._compiled.get((connection.dialect.name, names)) or self._compile(connection.dialect, names)
        if compiled is None or compiled.is_special:
            return connection.execute(self.statement, values)
        if many:
            return compiled.execute(connection, compiled.text, [compiled.parameters(one) for one in values], many=True)
        if not compiled.lists:
            return compiled.execute(connection, compiled.text, compiled.parameters(values))
        sizes = tuple([len(compiled.value(values, name)) for name in compiled.lists])
        if min(sizes) == 0 or max(sizes) > LONGEST_LIST:
            return connection.execute(self.statement, values)
        return compiled.execute(connection, compiled.spread(sizes), compiled.spread_parameters(values))

    def _compile(self, dialect: Dialect, names: frozenset[str]) -> _Compiled | None:
        """None where there are enough: clients choose which columns they change, and must not fill the memory."""
        if len(self._compiled) >= _MOST_COMPILED:
            return None
        made = self._compiled[dialect.name, names] = _Compiled(self.statement, dialect, sorted(names))
        return made


class _Compiled:
    """A statement for one dialect. `is_special`: it has what only SQLAlchemy itself can work out."""

    def __init__(self, statement: Any, dialect: Dialect, names: Sequence[str]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        unknown = set(names) - set(binds)
        if unknown and not isinstance(statement, sa.Select):
            raise TypeError(f'the statement has no place for {", ".join(sorted(unknown))}: {compiled}')
        self.text = str(compiled)
        self._positional_mark = '?' if dialect.paramstyle == 'qmark' else '%s'
        self.by_position = compiled.positiontup is not None
        order: list[str] = compiled.positiontup if self.by_position else list(binds)
        self.binds = [(name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in order]
        self.defaults = {name: bind.value for name, bind in binds.items() if not bind.required and name not in names}
        self.lists = [compiled.bind_names[bind] for bind in compiled.post_compile_params]
        self.is_special = bool(
            compiled.literal_execute_params or compiled.escaped_bind_names or compiled.insert_prefetch or compiled.update_prefetch
        ) or any(f'__[POSTCOMPILE_{name}]' not in self.text for name in self.lists)
        self._columns = list(statement.selected_columns) if isinstance(statement, sa.Select) else []
        self._record = _record_of(tuple(str(column.key) for column in self._columns))
        self._converts: list[tuple[int, Convert]] | None = None
        self._texts: dict[tuple[int, ...], str] = {}

    def value(self, values: Mapping[str, Any], name: str) -> Any:
        """What was given for a parameter, or stands in the statement. Raises KeyError."""
        return values[name] if name in values else self.defaults[name]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """What the driver takes."""
        if self.defaults:
            values = {**self.defaults, **values}
        if self.by_position:
            return tuple([values[name] if convert is None else convert(values[name]) for name, convert in self.binds])
        return {name: values[name] if convert is None else convert(values[name]) for name, convert in self.binds}

    def spread(self, sizes: tuple[int, ...]) -> str:
        """The text with room for so many values in each list."""
        text = self._texts.get(sizes)
        if text is None:
            text = self.text
            for name, size in zip(self.lists, sizes, strict=True):
                marks = [self._mark(f'{name}_{number}') for number in range(size)]
                text = text.replace(f'__[POSTCOMPILE_{name}]', ', '.join(marks))
            if len(self._texts) < _MOST_TEXTS:
                self._texts[sizes] = text
        return text

    def _mark(self, name: str) -> str:
        return self._positional_mark if self.by_position else f'%({name})s'

    def spread_parameters(self, values: Mapping[str, Any]) -> Any:
        """What the driver takes, lists and all."""
        found: list[tuple[str, Any]] = []
        for name, convert in self.binds:
            value = self.value(values, name)
            if name in self.lists:
                found += [(f'{name}_{number}', one if convert is None else convert(one)) for number, one in enumerate(value)]
            else:
                found.append((name, value if convert is None else convert(value)))
        return tuple([value for _, value in found]) if self.by_position else dict(found)

    def execute(self, connection: sa.Connection, text: str, parameters: Any, *, many: bool = False) -> Found:
        """Give it to the driver. Errors leave as SQLAlchemy's own, and a broken connection is marked as such."""
        cursor: Any = None
        try:
            cursor = connection.connection.cursor()
            if many:
                cursor.executemany(text, parameters)
            else:
                cursor.execute(text, parameters)
            found = Found(self._rows(cursor, connection.dialect) if self._columns else [], cursor.rowcount)
            cursor.close()
        except BaseException as error:
            connection._handle_dbapi_exception(error, text, parameters, cursor, None)
        return found

    def _rows(self, cursor: Any, dialect: Dialect) -> list[Any]:
        if self._converts is None:
            made = [
                column.type.dialect_impl(dialect).result_processor(dialect, told[1])
                for column, told in zip(self._columns, cursor.description, strict=True)
            ]
            self._converts = [(index, convert) for index, convert in enumerate(made) if convert is not None]
        if not self._converts:
            return list(map(self._record, cursor.fetchall()))
        found = []
        for row in cursor.fetchall():
            values = list(row)
            for index, convert in self._converts:
                values[index] = convert(values[index])
            found.append(self._record(values))
        return found


def _record_of(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """Makes named tuples, with the mapping that SQLAlchemy's rows have."""
    base = namedtuple('Record', names)  # type: ignore[misc] # noqa: PYI024 - the names are known when it runs
    return type('Record', (base,), {'__slots__': (), '_mapping': property(base._asdict)})._make  # type: ignore[attr-defined]
