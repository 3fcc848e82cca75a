"""Who may do what.

Rules are declared next to the routes in the language of oslo.policy and may be replaced in a YAML file. Each is compiled
once into plain Python, so that asking costs a microsecond instead of walking a tree of check objects.

    Rule('network:networks:update', MEMBER, 'Change a network')

Tokens carry the implied roles already: an admin is manager, member and reader too.
"""

from __future__ import annotations

import dataclasses
import logging
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from common import clock
from common.context import Context
from common.errors import Forbidden

LOG = logging.getLogger(__name__)

# What a rule may say. The project in question is the target's: the record's own, or the caller's where there is none yet.
ADMIN = 'role:admin'
MANAGER = 'role:admin or (role:manager and project_id:%(project_id)s)'
MEMBER = 'role:admin or (role:member and project_id:%(project_id)s)'
READER = 'role:admin or (role:reader and project_id:%(project_id)s)'
OWNER_MANAGER, OWNER_MEMBER, OWNER_READER = MANAGER, MEMBER, READER
USER = 'role:admin or user_id:%(user_id)s'
SERVICE = 'role:service or role:admin'
ANYONE = '@'
NOBODY = '!'
SYSTEM_ADMIN = 'role:admin and system_scope:all'
SYSTEM_READER = 'role:admin or (role:reader and system_scope:all)'
DOMAIN_MANAGER = 'role:admin or (role:manager and domain_id:%(domain_id)s)'
DOMAIN_READER = 'role:admin or (role:reader and system_scope:all) or (role:reader and domain_id:%(domain_id)s)'

Target = Mapping[str, Any]
Check = Callable[[Context, Target], bool]
_LOOK_AGAIN = 5.0
# Whose things belong to domains. Elsewhere a token for a domain opens nothing: its administrator is none of the cloud.
_WITH_DOMAINS = ('identity',)


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule's default.

    `scopes`: kinds of token it is meant for (`project`, `domain`, `system`); empty: all, but those of a domain in identity alone.
    """

    name: str
    check: str = NOBODY
    description: str = ''
    scopes: tuple[str, ...] | list[str] = ()


class Policy:
    """The rules of a service, with the operator's overrides."""

    def __init__(self, rules: Iterable[Rule], overrides: str | pathlib.Path | None = None) -> None:
        self.rules: dict[str, Rule] = {}
        for rule in rules:
            known = self.rules.setdefault(rule.name, rule)
            if known.check != rule.check:
                raise ValueError(f'The rule {rule.name} is declared twice with different checks')
        self._overrides = pathlib.Path(overrides) if overrides else None
        self._seen_change: float | None = None
        self._look_at = 0.0
        self._checks: dict[str, Check] = {}
        self._texts: dict[str, str] = {}
        self.reload()

    def reload(self) -> None:
        """Read the override file and compile. Raises ValueError for a rule that cannot be read."""
        texts = {name: rule.check for name, rule in self.rules.items()}
        if self._overrides is not None:
            self._seen_change = _changed_at(self._overrides)
            texts.update(_read_overrides(self._overrides))
        compiler = _Compiler(texts)
        self._checks = {name: self._scoped(name, compiler.rule(name)) for name in texts}
        self._texts = texts
        self._look_at = clock.monotonic() + _LOOK_AGAIN

    def check(self, ctx: Context, name: str, target: Any = None) -> bool:
        """Whether the caller may. `target`: a mapping or a record of the thing; None: the caller's own project and user."""
        if self._overrides is not None and clock.monotonic() > self._look_at:
            self._reload_if_changed()
        found = self._checks.get(name)
        if found is None:
            LOG.warning('policy rule %s is not declared: denied', name)
            return False
        return found(ctx, own_target(ctx) if target is None else target if isinstance(target, dict) else _as_mapping(target))

    def authorize(self, ctx: Context, name: str, target: Any = None) -> None:
        """Raises Forbidden unless the caller may."""
        if not self.check(ctx, name, target):
            raise Forbidden(f"Policy doesn't allow {name} to be performed.", details={'rule': name})

    def text_of(self, name: str) -> str | None:
        """The rule in force, as text."""
        return self._texts.get(name)

    def overridden(self) -> dict[str, str]:
        """What the override file says, by rule; nothing where there is no file. Raises ValueError for one that cannot be read."""
        return _read_overrides(self._overrides) if self._overrides is not None else {}

    def explain(self, ctx: Context, name: str, target: Target) -> list[str]:
        """Why `check` says what it says: the rule in force, each of its conditions with yes or no, and the kind of token."""
        text = self._texts.get(name)
        if text is None:
            return [f'there is no rule {name}']
        compiler = _Compiler(self._texts)
        lines = [f'{name}: {text}']
        for said, check in compiler.conditions(name):
            lines.append(f'{"yes" if check(ctx, target) else "no":>5}  {said}{_compared(said, ctx, target)}')
        scopes = self.rules[name].scopes if name in self.rules else ()
        if scopes:
            lines.append(f'for tokens of: {", ".join(scopes)}')
        elif name.partition(':')[0] not in _WITH_DOMAINS:
            lines.append('not for tokens of a domain')
        return lines

    def sample(self) -> str:
        """The defaults as the text of an override file, every line commented out."""
        lines = [f'# {rule.description or rule.name}\n#"{rule.name}": "{rule.check}"\n' for _, rule in sorted(self.rules.items())]
        return '\n'.join(lines)

    def _scoped(self, name: str, check: Check) -> Check:
        rule = self.rules.get(name)
        scopes = frozenset(rule.scopes) if rule else frozenset()
        if not scopes and name.partition(':')[0] in _WITH_DOMAINS:
            return check
        if not scopes:
            return lambda ctx, target: ctx.domain_id is None and check(ctx, target)

        def scoped(ctx: Context, target: Target) -> bool:
            scope = 'project' if ctx.project_id else 'domain' if ctx.domain_id else 'system' if ctx.system_scope else None
            return scope in scopes and check(ctx, target)

        return scoped

    def _reload_if_changed(self) -> None:
        self._look_at = clock.monotonic() + _LOOK_AGAIN
        if self._overrides is None or _changed_at(self._overrides) == self._seen_change:
            return
        try:
            self.reload()
            LOG.info('policy overrides read again from %s', self._overrides)
        except ValueError:
            LOG.exception('policy overrides are not valid; the rules before stay in force')


def own_target(ctx: Context) -> dict[str, Any]:
    """What a rule is asked about before there is a record: the caller's own things."""
    return {
        'project_id': ctx.project_id,
        'user_id': ctx.user_id,
        'domain_id': ctx.domain_id,
        'tenant_id': ctx.project_id,
        'caller_domain_id': ctx.domain_id,
        'reach': 'domain',  # of an account that opens no more than its domain, see `identity.reach`
        'administers': 'no',
    }


def _as_mapping(target: Any) -> Target:
    return target if isinstance(target, Mapping) else _Attributes(target)


class _Attributes(Mapping[str, Any]):
    """A record's attributes, as a mapping."""

    def __init__(self, record: Any) -> None:
        self._record = record

    def __getitem__(self, name: str) -> Any:
        try:
            return getattr(self._record, name)
        except AttributeError:
            raise KeyError(name) from None

    def __iter__(self) -> Any:
        return iter(vars(self._record))

    def __len__(self) -> int:
        return len(vars(self._record))


def _changed_at(path: pathlib.Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None


def _read_overrides(path: pathlib.Path) -> dict[str, str]:
    import yaml

    if not path.exists():
        return {}
    try:
        found = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        raise ValueError(f'{path} is not valid YAML: {error}') from error
    if not isinstance(found, dict):
        raise ValueError(f'{path} must hold lines of the form "rule: check"')
    for name, check in found.items():
        if not isinstance(check, str):
            raise ValueError(f'{path}: the check of {name} must be text')
    return found


class _Compiler:
    """Turns check trees of oslo.policy into functions of (context, target)."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._made: dict[str, Check] = {}
        self._open: list[str] = []

    def rule(self, name: str) -> Check:
        """The function of a rule. Raises ValueError for an unknown rule or one that refers to itself."""
        if name in self._made:
            return self._made[name]
        if name not in self._texts:
            raise ValueError(f'The policy refers to a rule {name!r} that does not exist')
        if name in self._open:
            raise ValueError(f'The policy rule {name!r} refers to itself')
        self._open.append(name)
        self._made[name] = self._text(name, self._texts[name])
        self._open.pop()
        return self._made[name]

    def conditions(self, name: str) -> list[tuple[str, Check]]:
        """The conditions that a rule is made of, those of rules that it refers to included, as (text, function)."""
        found: list[tuple[str, Check]] = []
        waiting = [_parsed(self._texts[name])]
        while waiting:
            node = waiting.pop(0)
            if type(node).__name__ in ('AndCheck', 'OrCheck'):
                waiting = [*node.rules, *waiting]
            elif type(node).__name__ == 'RuleCheck' and node.match in self._texts:
                found.append((str(node), self.rule(node.match)))
                waiting = [_parsed(self._texts[node.match]), *waiting]
            else:
                found.append((str(node), self._tree(node)))
        return found

    def _text(self, name: str, text: str) -> Check:
        found = _parsed(text)
        if found is None:
            raise ValueError(f'The policy rule {name!r} cannot be read: {text!r}')
        return self._tree(found)

    def _tree(self, node: Any) -> Check:
        kind = type(node).__name__
        if kind == 'TrueCheck':
            return lambda ctx, target: True
        if kind == 'FalseCheck':
            return lambda ctx, target: False
        if kind == 'NotCheck':
            inner = self._tree(node.rule)
            return lambda ctx, target: not inner(ctx, target)
        if kind in ('AndCheck', 'OrCheck'):
            return _joined([self._tree(part) for part in node.rules], every=kind == 'AndCheck')
        if kind == 'RuleCheck':
            return self.rule(node.match)
        if kind == 'RoleCheck':
            return _role(node.match)
        if kind == 'GenericCheck':
            return _generic(node.kind, node.match)
        raise ValueError(f'The policy check {node} is of a kind that is not supported')


_PARSED: dict[str, Any] = {}
_SAME = {'tenant': 'project_id', 'tenant_id': 'project_id', 'user': 'user_id'}
_COMPARISON = re.compile(r'(?:not )?([^:()]+):%\((\w+)\)s')


def _parsed(text: str) -> Any:
    """The check tree of a text, or None where it is not valid: oslo.policy makes a denial of what it cannot read."""
    if text not in _PARSED:
        from oslo_policy import policy

        tree = policy.RuleDefault('rule', text).check
        _PARSED[text] = None if '!' in str(tree) and '!' not in text else tree
    return _PARSED[text]


def _joined(parts: list[Check], every: bool) -> Check:
    if len(parts) == 2:
        first, second = parts
        if every:
            return lambda ctx, target: first(ctx, target) and second(ctx, target)
        return lambda ctx, target: first(ctx, target) or second(ctx, target)
    if every:
        return lambda ctx, target: all(part(ctx, target) for part in parts)
    return lambda ctx, target: any(part(ctx, target) for part in parts)


def _role(match: str) -> Check:
    wanted = match.lower()
    if '%(' in wanted:
        return lambda ctx, target: (name := _fill(match, target)) is not None and name.lower() in ctx.roles
    return lambda ctx, target: wanted in ctx.roles


def _generic(kind: str, match: str) -> Check:
    """`project_id:%(project_id)s`, `user_id:abc`, `'literal':%(x)s`, `None:%(x)s`."""
    attribute = _SAME.get(kind, kind)
    if attribute in {field.name for field in dataclasses.fields(Context)} | {'is_admin', 'is_service'}:
        if match.startswith('%(') and match.endswith(')s') and match.count('%') == 1:
            key = match[2:-2]

            def own(ctx: Context, target: Target) -> bool:
                value = getattr(ctx, attribute)
                return value is not None and key in target and str(target[key]) == str(value)

            return own
        return lambda ctx, target: (value := getattr(ctx, attribute)) is not None and str(value) == _fill(match, target)
    literal = kind.strip('\'"') if kind[:1] in '\'"' else kind if kind in ('True', 'False', 'None') else None
    if literal is None:
        LOG.warning('policy check %s:%s asks for something no token says: always denied', kind, match)
        return lambda ctx, target: False
    return lambda ctx, target: _fill(match, target) == literal


def _compared(said: str, ctx: Context, target: Target) -> str:
    """What a condition like `project_id:%(project_id)s` compared, in words; nothing for one that compares nothing."""
    found = _COMPARISON.fullmatch(said)
    if found is None:
        return ''
    kind, key = found.groups()
    thing = target[key] if key in target and target[key] is not None else 'none'
    attribute = _SAME.get(kind, kind)
    if not hasattr(ctx, attribute):
        return f'    ({key}: {thing})'
    own = getattr(ctx, attribute)
    return f'    (token: {"none" if own is None else own}, asked about: {thing})'


def _fill(match: str, target: Target) -> str | None:
    try:
        return match % target
    except (KeyError, TypeError, ValueError):
        return None
