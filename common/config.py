"""Configuration: typed groups of options over oslo.config, without a global.

    @group('agent')
    class AgentOptions:
        host: str = option('', help='Name of this host; empty: the host name')

    settings = Settings.load(['/etc/pileus/pileus.conf'], overrides={'agent': {'host': 'h1'}})
    settings.get(AgentOptions).host

The later file wins, overrides win over files. Sections of which there may be many are a `family`. An option that no group declares stops the start, with the nearest name that
exists. `Settings.describe` says where each value came from, `sample` writes a documented file of everything there is.
"""

from __future__ import annotations

import configparser
import dataclasses
import difflib
import importlib.metadata
import pathlib
import re
import socket
import textwrap
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, dataclass_transform

from oslo_config import cfg, types

from common.errors import PileusError

T = TypeVar('T')
_GROUPS: dict[str, type] = {}
_FAMILIES: dict[str, list[type]] = {}
_SECRET_NAMES = ('password', 'secret')
_URL_SECRET = re.compile(r'(://[^:/@\s]*:)[^@\s]+(?=@)')


def _import_drivers(name: str) -> None:
    """A driver of another distribution declares the section of its name by being imported."""
    for entry in importlib.metadata.entry_points(name=name):
        if entry.group.startswith('pileus.'):
            entry.load()


class ConfigError(PileusError):
    """The configuration cannot be used; the message says which option and why."""

    code = 'config'


def option(
    default: Any,
    *,
    help: str,
    min: float | None = None,
    max: float | None = None,
    choices: Iterable[str] | None = None,
    secret: bool = False,
) -> Any:
    """Declare an option inside a group: its default, what it means, its bounds, and whether its value is never to be shown."""
    meta = {'help': help, 'min': min, 'max': max, 'choices': list(choices) if choices else None, 'secret': secret}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=meta)
    return dataclasses.field(default=default, metadata=meta)


@dataclass_transform(frozen_default=True, field_specifiers=(option,))
def group(name: str) -> Callable[[type[T]], type[T]]:
    """Make a class the group of options `[name]`: a frozen dataclass whose fields are made with `option`."""

    def declare(cls: type[T]) -> type[T]:
        made = dataclasses.dataclass(frozen=True)(cls)
        made.__config_group__ = name  # type: ignore[attr-defined]
        _GROUPS[name] = made
        return made

    return declare


@dataclass_transform(frozen_default=True, field_specifiers=(option,))
def shared(cls: type[T]) -> type[T]:
    """Make a class a base of options that several classes have in common."""
    return dataclasses.dataclass(frozen=True)(cls)


@dataclass_transform(frozen_default=True, field_specifiers=(option,))
def family(name: str) -> Callable[[type[T]], type[T]]:
    """Make a class the options of any of the sections `[name_MEMBER]`, of which there may be many: one for each store, for example.

    Several classes may share a name, where what a member may say depends on its kind. Read with `Settings.member`.
    """

    def declare(cls: type[T]) -> type[T]:
        made = dataclasses.dataclass(frozen=True)(cls)
        made.__config_group__ = name  # type: ignore[attr-defined]
        _FAMILIES.setdefault(name, []).append(made)
        return made

    return declare


_TYPES: dict[str, Any] = {'str': types.String(), 'bool': types.Boolean(), 'list[str]': types.List()}


def _opt(field: dataclasses.Field[Any], default: Any) -> cfg.Opt:
    kind = field.type if isinstance(field.type, str) else getattr(field.type, '__name__', str(field.type))
    meta = field.metadata
    if kind in ('int', 'float'):
        made: Any = (types.Integer if kind == 'int' else types.Float)(min=meta['min'], max=meta['max'])
    elif kind == 'str' and meta['choices']:
        made = types.String(choices=meta['choices'])
    else:
        made = _TYPES[kind]
    return cfg.Opt(field.name, type=made, default=default, help=meta['help'])


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


class Settings:
    """Values of all groups, parsed once. Made by `load`."""

    def __init__(self, parsed: cfg.ConfigOpts, sources: dict[tuple[str, str], str], overrides: dict[tuple[str, str], Any]) -> None:
        self._parsed = parsed
        self._sources = sources
        self._overrides = overrides
        self._groups: dict[type, Any] = {}
        self._members: dict[str, Any] = {}

    @classmethod
    def load(cls, files: Iterable[str | pathlib.Path] = (), overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Settings:
        """Read files and overrides. Raises ConfigError for a file that is not there or cannot be read."""
        paths = [pathlib.Path(file) for file in files]
        for path in paths:
            if not path.is_file():
                raise ConfigError(f'The configuration file {path} does not exist.')
        parsed = cfg.ConfigOpts()
        try:
            parsed(args=[], project='pileus', default_config_files=[str(path) for path in paths], default_config_dirs=[], use_env=False)
            sources = _sources(paths)
        except (cfg.Error, configparser.Error, UnicodeDecodeError, PermissionError) as error:
            raise ConfigError(f'The configuration cannot be read: {error}') from error
        given = {(name, key): value for name, values in (overrides or {}).items() for key, value in values.items()}
        return cls(parsed, {**sources, **dict.fromkeys(given, 'override')}, given)

    def get(self, options: type[T]) -> T:
        """The values of a group. Raises ConfigError, naming the option, for a value out of its bounds."""
        if options not in self._groups:
            self._groups[options] = self._read(options, options.__config_group__)  # type: ignore[attr-defined]
        return self._groups[options]

    def member(self, options: type[T], name: str) -> T:
        """The values of the section of one member of a family. Raises ConfigError, also for an option that it does not have."""
        section = f'{options.__config_group__}_{name}'  # type: ignore[attr-defined]
        if section not in self._members:
            known = [field.name for field in dataclasses.fields(options)]  # type: ignore[arg-type]
            for (group_name, key), source in self._sources.items():
                if group_name == section and key not in known:
                    raise ConfigError(f'{source}: [{section}] has no option {key!r}{_near(key, known)}')
            self._members[section] = self._read(options, section)
        found: T = self._members[section]
        return found

    def members(self, family_name: str) -> list[str]:
        """Which members of a family have a section."""
        prefix = f'{family_name}_'
        return sorted({section.removeprefix(prefix) for section, _ in self._sources if section.startswith(prefix)})

    def _read(self, options: type[T], name: str) -> T:
        opts = [_opt(field, _default(field)) for field in dataclasses.fields(options)]  # type: ignore[arg-type]
        self._parsed.register_opts(opts, group=name)
        values: dict[str, Any] = {}
        for opt in opts:
            try:
                if (name, opt.name) in self._overrides:
                    self._parsed.set_override(opt.name, self._overrides[(name, opt.name)], group=name)
                values[opt.name] = getattr(self._parsed[name], opt.name)
            except (ValueError, cfg.Error) as error:
                source = self._sources.get((name, opt.name), 'default')
                raise ConfigError(f'{source}: [{name}] {opt.name} has a value that cannot be used: {error}') from error
        return options(**values)

    def check(self) -> None:
        """Raise ConfigError for the first option that nobody knows or whose value cannot be. Call when all groups are imported."""
        for (name, key), source in self._sources.items():
            if any(name.startswith(f'{prefix}_') for prefix in _FAMILIES):
                continue
            if name not in _GROUPS:
                _import_drivers(name)
            if name not in _GROUPS:
                raise ConfigError(f'{source}: there is no section [{name}]{_near(name, _GROUPS)}')
            known = [field.name for field in dataclasses.fields(_GROUPS[name])]
            if key not in known:
                raise ConfigError(f'{source}: [{name}] has no option {key!r}{_near(key, known)}')
        for options in list(_GROUPS.values()):
            self.get(options)

    check_unknown = check

    def describe(self) -> list[tuple[str, str, str, str]]:
        """(group, option, value, where it came from) of every known option; secrets are shown as `***`."""
        rows = []
        groups: list[tuple[str, Any]] = [(name, self.get(options)) for name, options in sorted(_GROUPS.items())]
        for name, values in [*groups, *self._described_members()]:
            for field in dataclasses.fields(values):
                rows.append(
                    (name, field.name, _shown(field, getattr(values, field.name)), self._sources.get((name, field.name), 'default'))
                )
        return rows

    def _described_members(self) -> list[tuple[str, Any]]:
        """The sections of families. Of those that nobody has read yet, the kind is told by the options that they have."""
        found = dict(self._members)
        for name, kinds in _FAMILIES.items():
            for section in (f'{name}_{member}' for member in self.members(name)):
                given = {key for group_name, key in self._sources if group_name == section}
                fitting = [kind for kind in kinds if given <= {field.name for field in dataclasses.fields(kind)}]
                if section not in found and fitting:
                    found[section] = self._read(fitting[0], section)
        return sorted(found.items())


def sample() -> str:
    """The text of a configuration file with every option that the imported groups declare, commented out, and what it means."""
    lines = ['# Every option of Pileus with its default. Copy what you change to /etc/pileus/pileus.conf.']
    families = [(f'{name}_NAME', options) for name, kinds in sorted(_FAMILIES.items()) for options in kinds]
    for name, options in [*sorted(_GROUPS.items()), *families]:
        lines += [
            '',
            f'[{name}]',
            *textwrap.wrap((options.__doc__ or '').strip().split('\n\n')[0], 100, initial_indent='# ', subsequent_indent='# '),
        ]
        for field in dataclasses.fields(options):
            meta, value = field.metadata, _default(field)
            bounds = [f'{word} {meta[key]}' for key, word in (('min', 'at least'), ('max', 'at most')) if meta[key] is not None]
            bounds += [f'one of {", ".join(meta["choices"])}'] if meta['choices'] else []
            text = f'{meta["help"]}{" (" + ", ".join(bounds) + ")" if bounds else ""}.'
            lines += ['', *textwrap.wrap(text, 100, initial_indent='# ', subsequent_indent='# ')]
            lines.append(
                f'#{field.name} = {",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else value}'.rstrip()
            )
    return '\n'.join(lines) + '\n'


def _shown(field: dataclasses.Field[Any], value: Any) -> str:
    text = ','.join(value) if isinstance(value, list) else str(value)
    if text and (field.metadata['secret'] or field.name.endswith(_SECRET_NAMES)):
        return '***'
    return _URL_SECRET.sub(r'\1***', text)


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f'; did you mean {close[0]!r}?' if close else '.'


def _sources(paths: list[pathlib.Path]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for path in paths:
        # Names are compared as they are written, and [DEFAULT] is a section like others: neither may be passed over in silence.
        parser = configparser.RawConfigParser(strict=False, interpolation=None, default_section='', allow_no_value=True)
        parser.optionxform = str  # type: ignore[method-assign, assignment]
        parser.read(path)
        for section in parser.sections():
            for key in parser.options(section):
                found[(section, key.replace('-', '_'))] = str(path)
    return found


@group('service')
class ServiceOptions:
    """What every process shares."""

    state_dir: str = option('/var/lib/pileus', help='The one folder for databases, images and logs')
    services: list[str] = option([], help='Services that the embedded deployment runs; empty: all')
    host: str = option('', help='Name of this host; empty: the host name')
    bind: str = option('127.0.0.1', help='Address the APIs listen on')
    workers: int = option(1, min=1, max=64, help='Processes of each API, where services are processes of their own')
    threads: int = option(10, min=1, max=1000, help='Requests that each API process works on at a time')
    drain: int = option(10, min=0, help='Seconds that requests and messages in hand are given when a process is told to end')
    region: str = option('RegionOne', help='Region of the catalog')
    concurrency: str = option('threads', choices=('threads', 'eventlet'), help='How workers run things side by side')
    etc_dir: str = option('', help='Folder of paste files and policies; empty: the one that came with the program')
    log_level: str = option('INFO', choices=('DEBUG', 'INFO', 'WARNING', 'ERROR'), help='Least severity of what is logged')
    log_format: str = option('text', choices=('text', 'json'), help='Form of log lines')
    log_dir: str = option('', help='Folder of the log files, one for each service; empty: logs in the state folder')

    @property
    def host_name(self) -> str:
        """The name of this host."""
        return self.host or socket.gethostname()


@group('database')
class DatabaseOptions:
    """Where the databases are."""

    url_template: str = option(
        '',
        help='URL of a database, with {service} and {state} in it; empty: SQLite files in the folder db of the state folder',
        secret=False,
    )


@group('messaging')
class MessagingOptions:
    """How services reach each other's workers."""

    url: str = option(
        'pileus-memory://pileus', help='The broker: pileus-memory://NAME within one process, or amqp://user:password@host:port//'
    )
    publish_timeout: float = option(
        1.0, min=0.1, help='Seconds a message may wait for a broker that is down; operations do not depend on it'
    )


@group('auth')
class AuthOptions:
    """As whom services speak to each other."""

    password: str = option('', help='Password of the service users; empty: read from password_file', secret=True)
    password_file: str = option('', help='File with that password; empty: run/service-password in the state folder')
    project: str = option('service', help='Project of the service users')


@group('endpoints')
class EndpointOptions:
    """Where the APIs are, for other services."""

    identity: str = option('http://127.0.0.1:5000', help='Identity API')
    compute: str = option('http://127.0.0.1:8774', help='Compute API')
    image: str = option('http://127.0.0.1:9292', help='Image API')
    volume: str = option('http://127.0.0.1:8776', help='Volume API')
    network: str = option('http://127.0.0.1:9696', help='Network API')
    metadata: str = option('http://127.0.0.1:8775', help='Metadata API')
    scheduler: str = option('http://127.0.0.1:8777', help='Scheduler: health, metrics and events')
