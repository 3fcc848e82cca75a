"""From the options that a domain sets through the API, which have Keystone's names, to those of a backend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from common.config import Settings

_SAME = (
    'url', 'user', 'password', 'pool_size', 'page_size', 'user_tree_dn', 'user_filter', 'user_id_attribute', 'user_name_attribute',
    'user_mail_attribute', 'user_description_attribute', 'user_enabled_attribute', 'user_enabled_mask', 'user_enabled_invert',
    'user_enabled_default', 'group_tree_dn', 'group_filter', 'group_id_attribute', 'group_name_attribute', 'group_member_attribute',
    'group_members_are_ids',
)  # fmt: skip
_OTHER = {
    'use_tls': 'use_start_tls',
    'tls_cacertfile': 'tls_ca_file',
    'tls_req_cert': 'tls_require_cert',
    'connection_timeout': 'timeout',
    'user_objectclass': 'user_object_class',
    'group_objectclass': 'group_object_class',
    'group_desc_attribute': 'group_description_attribute',
    'query_scope': 'user_scope',
}
_UNSET = ('None', '-1', '')


def settings_of(config: Mapping[str, Mapping[str, Any]]) -> Settings:
    """The settings of a domain's backend. Options that the backend does not have are not looked at.

    :param config: section (`identity`, `ldap`) -> option -> value, with defaults filled in; None, `-1` and '': ours
    """
    given = config.get('ldap', {})
    ldap: dict[str, Any] = {}
    for name, ours in {**{name: name for name in _SAME}, **_OTHER}.items():
        if name in given and str(given[name]) not in _UNSET:
            ldap[ours] = str(given[name])
    if ldap.get('page_size') == '0':
        del ldap['page_size']
    if ldap.get('user_enabled_attribute') == 'enabled':
        # The default there, which no usual schema has: all users are enabled.
        del ldap['user_enabled_attribute']
    if 'user_scope' in ldap:
        ldap['group_scope'] = ldap['user_scope']
    if 'url' in ldap:
        ldap['url'] = ldap['url'].replace(',', ' ')
    return Settings.load(overrides={'ldap': ldap})
