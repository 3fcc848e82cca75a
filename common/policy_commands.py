"""`<service>-manage policy list|sample|diff|check`: what the rules of a service say, and to whom."""

from __future__ import annotations

import argparse
import difflib
import importlib
import importlib.util
import logging
import pathlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from common import own_files
from common.config import ServiceOptions, Settings
from common.context import Context
from common.errors import InvalidInput
from common.policy import Policy, Rule, own_target
from common.policy_subject import Directory, Subject

_ROLES = ('admin', 'manager', 'member', 'reader')  # each implies those after it
_ROLE = re.compile(r'role:([\w-]+)')
_ASKS_AS = {'identity': 'compute'}  # identity has no user of its own; the services' users may see all assignments


def rules_of(service: str) -> list[Rule]:
    """Every rule that a service declares: on its resources, their routes and actions, and as `RULES` of its API modules."""
    rooms = importlib.import_module(f'{service}.api')
    found: list[Rule] = []
    for resource in rooms.RESOURCES:
        found += [*resource.rules, *(rule for route in resource.routes for rule in route.rules)]
    modules = [importlib.import_module(f'{service}.api.{entry.name}') for entry in pkgutil.iter_modules(rooms.__path__)]
    for module in (rooms, *modules, *_policy_modules(service)):
        for value in vars(module).values():
            parts: Iterable[Any] = value if isinstance(value, list | tuple) else (value,)
            found += [part for part in parts if isinstance(part, Rule)]
    return list({rule.name: rule for rule in found}.values())


def _policy_modules(service: str) -> list[Any]:
    names = (f'{service}.policy', f'{service}.policies', f'{service}.rules')
    return [importlib.import_module(name) for name in names if importlib.util.find_spec(name) is not None]


def overrides_of(service: str, settings: Settings) -> pathlib.Path:
    """The file that the service reads its overrides from."""
    etc = settings.get(ServiceOptions).etc_dir
    root = pathlib.Path(etc) if etc else own_files.etc()
    return root / service / 'policy.yaml'


def manage(service: str, rest: list[str], settings: Settings) -> int:
    """Run one of the verbs; its exit status: 0, 1 for `check` that denies and `diff` that finds a bad file, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog=f'{service}-manage policy')
    verbs = parser.add_subparsers(dest='verb', required=True)
    for name, help in (('list', 'every rule with the check in force'), ('sample', 'the defaults, commented out'), ('diff', 'overrides')):
        verbs.add_parser(name, help=help).add_argument('--file', type=pathlib.Path, help='overrides in place of those of the service')
    check = verbs.add_parser('check', help='whether somebody may do something, and why')
    check.add_argument('rule', nargs='?', help='left out: all rules are asked')
    check.add_argument('--file', type=pathlib.Path, help='overrides in place of those of the service')
    check.add_argument('--user', help='user who asks; without --role, identity is asked which roles that user has there (id or name)')
    check.add_argument('--user-domain', default='default', help='domain in which names are looked for')
    check.add_argument('--project', help='project that the token is for')
    check.add_argument('--domain', help='domain that the token is for')
    check.add_argument('--system', action='store_true', help='the token is for the whole system')
    check.add_argument('--role', action='append', default=[], help='a role of the token, implied ones too; may be given again')
    check.add_argument('--target', action='append', default=[], metavar='NAME=VALUE', help='an attribute of the thing; may be given again')
    given = parser.parse_args(rest)
    file = given.file or overrides_of(service, settings)
    rules = rules_of(service)
    # It would print a traceback about text that is reported below in words.
    logging.getLogger('oslo_policy').setLevel(logging.CRITICAL)
    try:
        policy = Policy(rules, file)
    except ValueError as error:
        print(f'{file}: {error}', file=sys.stderr)
        return 1
    if given.verb == 'list':
        return _list(policy)
    if given.verb == 'sample':
        print(policy.sample())
        return 0
    return _diff(policy, file) if given.verb == 'diff' else _check(policy, given, _subject(service, given, settings))


def _list(policy: Policy) -> int:
    for name, rule in sorted(policy.rules.items()):
        text = policy.text_of(name)
        changed = '' if text == rule.check else '    # overridden'
        print(f'"{name}": "{text}"{changed}')
    return 0


def _diff(policy: Policy, file: pathlib.Path) -> int:
    """What the file changes; overrides that say what the default says, and those of rules that nobody asks, are named too."""
    said = policy.overridden()
    status = 0
    for name, text in sorted(said.items()):
        rule = policy.rules.get(name)
        if rule is None:
            used = any(f'rule:{name}' in other for other in said.values())
            print(f'+ "{name}": "{text}"' + ('' if used else f'    # no such rule: nobody asks it{_like(name, policy)}'))
            status = status if used else 1
        elif rule.check == text:
            print(f'= "{name}": "{text}"    # the default, may be left out')
        else:
            print(f'- "{name}": "{rule.check}"\n+ "{name}": "{text}"')
            for line in _difference(policy, name):
                print(f'    # {line}')
    if not said:
        print(f'{file}: no overrides')
    return status


def _like(name: str, policy: Policy) -> str:
    """The rules that may be meant, to be said after a name that there is none of."""
    near = difflib.get_close_matches(name, policy.rules, 2, 0.8)
    return f'; is it {" or ".join(near)}?' if near else ''


def _difference(policy: Policy, name: str) -> Iterator[str]:
    """In words, who may what the default does not let them, and who may no longer; of what is their own, and of what is somebody else's."""
    before = Policy(policy.rules.values())
    another = dict.fromkeys(('project_id', 'tenant_id', 'user_id', 'domain_id'), 'another')
    for whose, of in (('their own', {}), ("somebody else's", another)):
        answers = {
            who: (before.check(ctx, name, own_target(ctx) | of), policy.check(ctx, name, own_target(ctx) | of)) for who, ctx in _callers()
        }
        for said, wanted in (('may now', (False, True)), ('may no longer', (True, False))):
            changed = [who for who, answer in answers.items() if answer == wanted]
            if changed:
                yield f'{said}, on {whose}: {", ".join(changed)}'
    known = set(_ROLES) | {'service'} | {role for rule in policy.rules.values() for role in _ROLE.findall(rule.check)}
    for role in sorted(set(_ROLE.findall(policy.text_of(name) or '')) - known):
        yield f'the role {role} is in no default: is it spelt as in identity?'


def _callers() -> Iterator[tuple[str, Context]]:
    """A token of each scope with each of the usual roles, and those they imply."""
    places: dict[str, dict[str, Any]] = {
        'system': {'system_scope': 'all'},
        'domain': {'domain_id': 'own'},
        'project': {'project_id': 'own'},
    }
    for scope, place in places.items():
        for i, role in enumerate(_ROLES):
            yield f'{scope} {role}', Context('policy-diff', 'policy-diff', user_id='own', roles=frozenset(_ROLES[i:]), **place)
    yield 'service', Context('policy-diff', 'policy-diff', user_id='own', project_id='own', roles=frozenset({'service'}))
    yield 'nobody (no role)', Context('policy-diff', 'policy-diff', user_id='own', roles=frozenset())


def _subject(service: str, given: argparse.Namespace, settings: Settings) -> Subject:
    """The caller as the options describe it, or a user of this cloud."""
    if given.user and not given.role and (given.project or given.domain or given.system):
        from common.runtime import Runtime

        runtime = Runtime(settings, embedded=False)
        return Directory(runtime.rest(_ASKS_AS.get(service, service), 'identity'), given.user_domain).subject(
            given.user, given.project, given.domain, given.system
        )
    ctx = Context(
        'policy-check', 'policy-check', user_id=given.user or 'somebody', project_id=given.project, domain_id=given.domain,
        system_scope='all' if given.system else None, roles=frozenset(role.lower() for role in given.role),
    )  # fmt: skip
    return Subject(ctx, ())


def _check(policy: Policy, given: argparse.Namespace, subject: Subject) -> int:
    if given.rule is not None and policy.text_of(given.rule) is None:
        raise InvalidInput(f'There is no rule {given.rule}{_like(given.rule, policy)}; `policy list` names them all.')
    ctx = subject.ctx
    target = own_target(ctx)
    for pair in given.target:
        name, equals, value = pair.partition('=')
        if not equals:
            raise InvalidInput(f'--target takes NAME=VALUE, not {pair}.')
        target[name] = value
        if name in ('project_id', 'tenant_id'):
            target['project_id'] = target['tenant_id'] = value
    if given.rule is None:
        return _check_all(policy, subject, target)
    allowed = policy.check(ctx, given.rule, target)
    print('allowed' if allowed else 'denied')
    for line in policy.explain(ctx, given.rule, target):
        print(f'  {line}')
    for line in subject.reasons:
        print(f'  {line}')
    return 0 if allowed else 1


def _check_all(policy: Policy, subject: Subject, target: dict[str, Any]) -> int:
    """Every rule, and whether it holds."""
    for line in subject.reasons:
        print(line)
    for name, rule in sorted(policy.rules.items()):
        print(f'{"yes" if policy.check(subject.ctx, name, target) else "no":>5}  {name}    {rule.description}'.rstrip())
    return 0
