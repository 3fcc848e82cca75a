"""What a domain may set for itself: where its users are, and how to reach them.

Two sections can be set, `identity` and `ldap`, with the names that OpenStack's clients know. A sensitive option is stored
and shown to nobody; another option may refer to it as `%(password)s`, which is filled in for the backend alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.db.session import Session
from common.errors import Forbidden, InvalidInput, NotFound
from identity import projects
from identity.db import domain_config as rows
from identity.db.domain_config import Config
from identity.db.retry import retried
from identity.service import IdentityService

_OBJECT: dict[str, Any] = {
    'objectclass': None,
    'id_attribute': 'cn',
    'name_attribute': None,
    'filter': None,
    'tree_dn': None,
    'attribute_ignore': [],
}


def _of_kind(kind: str, **more: Any) -> dict[str, Any]:
    return {f'{kind}_{name}': value for name, value in {**_OBJECT, 'additional_attribute_mapping': [], **more}.items()}


_LDAP: dict[str, Any] = {
    'url': 'ldap://localhost',
    'user': None,
    'suffix': 'cn=example,cn=com',
    'query_scope': 'one',
    'page_size': 0,
    'alias_dereferencing': 'default',
    'debug_level': None,
    'chase_referrals': None,
    'use_tls': False,
    'tls_cacertfile': None,
    'tls_cacertdir': None,
    'tls_req_cert': 'demand',
    'connection_timeout': -1,
    'use_pool': True,
    'pool_size': 10,
    'pool_retry_max': 3,
    'pool_retry_delay': 0.1,
    'pool_connection_timeout': -1,
    'pool_connection_lifetime': 600,
    'use_auth_pool': True,
    'auth_pool_size': 100,
    'auth_pool_connection_lifetime': 60,
    **_of_kind(
        'user',
        objectclass='inetOrgPerson',
        name_attribute='sn',
        description_attribute='description',
        mail_attribute='mail',
        pass_attribute='userPassword',
        enabled_attribute='enabled',
        enabled_mask=0,
        enabled_default='True',
        enabled_invert=False,
        enabled_emulation=False,
        enabled_emulation_dn=None,
        enabled_emulation_use_group_config=False,
        default_project_id_attribute=None,
        attribute_ignore=['default_project_id'],
    ),
    **_of_kind(
        'group',
        objectclass='groupOfNames',
        name_attribute='ou',
        desc_attribute='description',
        member_attribute='member',
        members_are_ids=False,
        ad_nesting=False,
    ),
}
_IDENTITY: dict[str, Any] = {'driver': 'sql', 'list_limit': None}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {'identity': _IDENTITY, 'ldap': _LDAP}
"""Section -> option -> what it is where a domain has not set it."""
SENSITIVE: Mapping[str, frozenset[str]] = {'identity': frozenset(), 'ldap': frozenset({'password'})}


def _check_names(section: str | None, name: str | None = None) -> None:
    """Raises Forbidden for a section or option that a domain cannot set."""
    if section is not None and section not in DEFAULTS:
        raise Forbidden(f'Invalid domain specific configuration: group {section} is not supported.')
    if section is not None and name is not None and name not in DEFAULTS[section] and name not in SENSITIVE[section]:
        raise Forbidden(f'Invalid domain specific configuration: option {name} in group {section} is not supported.')


def _check(config: Any) -> None:
    """Raises InvalidInput, Forbidden for a configuration that is none."""
    if not isinstance(config, dict) or not config:
        raise InvalidInput('A domain configuration has at least one group of options.', field='config')
    for section, options in config.items():
        _check_names(section)
        if not isinstance(options, dict) or not options:
            raise InvalidInput(f'The group {section} must hold at least one option.', field=section)
        for name, value in options.items():
            _check_names(section, name)
            if isinstance(value, dict):
                raise InvalidInput(f'The value of {name} must be text, a number, true or false, or a list of them.', field=name)


def _shown(config: Config) -> Config:
    """The configuration without what is sensitive; a section with nothing else in it is left out."""
    seen = {section: {k: v for k, v in options.items() if k not in SENSITIVE[section]} for section, options in config.items()}
    return {section: options for section, options in seen.items() if options}


def _narrowed(config: Config, section: str | None, name: str | None) -> dict[str, Any] | None:
    """The part that is asked for: all, `{section: {...}}`, or `{option: value}`. None when there is no such thing."""
    if section is None:
        return config or None
    if section not in config:
        return None
    if name is None:
        return {section: config[section]}
    return {name: config[section][name]} if name in config[section] else None


def _missing(domain_id: str, section: str | None, name: str | None) -> NotFound:
    what = f'option {name} in group {section}' if name else f'group {section}' if section else 'any group'
    return NotFound(message=f'Could not find domain configuration for {what} of domain {domain_id}.')


def show(service: IdentityService, domain_id: str, section: str | None = None, name: str | None = None) -> dict[str, Any]:
    """What a domain has set, without what is sensitive. Raises NotFound, Forbidden (no such group or option)."""
    with service.read() as session:
        projects.find(session, domain_id, noun='domain')
        _check_names(section, name)
        found = _narrowed(_shown(rows.options_of(session, domain_id)), section, name)
    if found is None:
        raise _missing(domain_id, section, name)
    return found


def defaults(section: str | None = None, name: str | None = None) -> dict[str, Any]:
    """What holds where a domain has set nothing. Raises Forbidden for what cannot be set, or may not be looked at."""
    _check_names(section, name)
    if section is not None and name in SENSITIVE[section]:
        raise Forbidden(f'Invalid domain specific configuration: the default of option {name} in group {section} is not shown.')
    return _narrowed({key: dict(options) for key, options in DEFAULTS.items()}, section, name) or {}


@retried
def replace(service: IdentityService, domain_id: str, config: Config) -> tuple[dict[str, Any], bool]:
    """Give a domain exactly this configuration; returns what is shown of it, and whether it had none before."""
    _check(config)
    with service.write() as session:
        projects.find(session, domain_id, noun='domain')
        fresh = not rows.remove(session, domain_id)
        rows.put(session, domain_id, config)
    return _shown(config), fresh


@retried
def update(
    service: IdentityService, domain_id: str, config: dict[str, Any], section: str | None = None, name: str | None = None
) -> dict[str, Any]:
    """Change options of a domain; returns the whole configuration as it is shown.

    :param config: `{section: {option: value}}`; for one option `{option: value}`
    :raises NotFound: the domain, the group or the option is not set
    :raises Forbidden: what is given cannot be set, or is not what the address names
    """
    _check_names(section, name)
    wanted = {section: config} if section is not None and name is not None else config
    named = set(config) if name is not None or section is not None else set()
    if named and named != {name or section}:
        raise Forbidden(f'Invalid domain specific configuration: the request must hold {name or section}, and nothing else.')
    _check(wanted)
    with service.write() as session:
        projects.find(session, domain_id, noun='domain')
        if section is not None and _narrowed(rows.options_of(session, domain_id), section, name) is None:
            raise _missing(domain_id, section, name)
        rows.put(session, domain_id, wanted)
        session.flush()
        return _shown(rows.options_of(session, domain_id))


@retried
def remove(service: IdentityService, domain_id: str, section: str | None = None, name: str | None = None) -> None:
    """Forget what a domain has set: all, one group, or one option. Raises NotFound, Forbidden."""
    with service.write() as session:
        projects.find(session, domain_id, noun='domain')
        _check_names(section, name)
        if not rows.remove(session, domain_id, section, name):
            raise _missing(domain_id, section, name)


def all_in_force(session: Session) -> dict[str, Config]:
    """Domain id -> its whole configuration as a user backend needs it, of the domains that have set any option."""
    return {domain_id: _in_force(own) for domain_id, own in rows.all_options(session).items()}


def _in_force(own: Config) -> Config:
    """What a domain has set over the defaults, with secrets filled in where other options refer to them."""
    merged = {section: {**options, **own.get(section, {})} for section, options in DEFAULTS.items()}
    for section, options in merged.items():
        for secret in SENSITIVE[section] & options.keys():
            for name, value in options.items():
                if isinstance(value, str) and name != secret:
                    options[name] = value.replace(f'%({secret})s', str(options[secret]))
    return merged
