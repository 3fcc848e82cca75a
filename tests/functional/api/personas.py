"""Who may do what, written by hand: what the rules of all services are held to.

A persona is a token: its scope and its role (the implied ones are in it too). A kind of act says which personas may do it to a thing
at home (in the persona's project or domain), to one abroad, and to one of their own (of the same user, abroad).
"""

from __future__ import annotations

import dataclasses
import fnmatch

ROLES = {
    'admin': frozenset({'admin', 'manager', 'member', 'reader'}),
    'manager': frozenset({'manager', 'member', 'reader'}),
    'member': frozenset({'member', 'reader'}),
    'reader': frozenset({'reader'}),
}
SCOPES = ('system', 'domain', 'project')

NOBODY = {'nobody'}
"""Somebody who has logged in, without scope and without a role."""
SERVICE = {'service'}
"""A service of the cloud."""
CLOUD = {'system admin', 'project admin'}
AUDITORS = CLOUD | {'system manager', 'system member', 'system reader'}
DOMAIN_MANAGERS = {'domain admin', 'domain manager'}
DOMAIN = DOMAIN_MANAGERS | {'domain member', 'domain reader'}
PROJECT_MEMBERS = {'project manager', 'project member'}
PROJECT = PROJECT_MEMBERS | {'project reader'}
ALL = AUDITORS | DOMAIN | PROJECT | SERVICE | NOBODY
NOT_OF_DOMAINS = ALL - DOMAIN


@dataclasses.dataclass(frozen=True)
class Kind:
    """Who may do such a thing at home, abroad, and to what is their own."""

    home: set[str]
    abroad: set[str]
    own: set[str]


def everywhere(who: set[str]) -> Kind:
    """It does not matter whose the thing is."""
    return Kind(who, who, who)


KINDS = {
    # identity, whose things belong to domains or users
    'anybody, in identity': everywhere(ALL),
    'services': everywhere(CLOUD | SERVICE),
    'services and auditors': everywhere(AUDITORS | SERVICE),
    'services, auditors and oneself': Kind(AUDITORS | SERVICE, AUDITORS | SERVICE, ALL),
    'administrators and oneself': Kind(CLOUD, CLOUD, ALL),
    'auditors and oneself': Kind(AUDITORS, AUDITORS, ALL),
    'nobody but oneself': Kind(set(), set(), ALL),
    'auditors': everywhere(AUDITORS),
    'administrators': everywhere(CLOUD),
    'readers of the domain': Kind(AUDITORS | DOMAIN, AUDITORS, AUDITORS),
    'readers of the domain and oneself': Kind(AUDITORS | DOMAIN, AUDITORS, ALL),
    'readers of the domain and of its projects': Kind(AUDITORS | DOMAIN | PROJECT, AUDITORS, AUDITORS),
    'managers of the domain': Kind(CLOUD | DOMAIN_MANAGERS, CLOUD, CLOUD),
    'auditors and who gives roles': everywhere(AUDITORS | DOMAIN_MANAGERS | {'project manager'}),
    # everywhere else, where things belong to projects and a domain's token opens nothing
    'anybody': everywhere(NOT_OF_DOMAINS),
    'readers of the project': Kind(CLOUD | PROJECT, CLOUD, CLOUD),
    'members of the project': Kind(CLOUD | PROJECT_MEMBERS, CLOUD, CLOUD),
    'administrators and the own user': Kind(CLOUD, CLOUD, NOT_OF_DOMAINS),
}

# Rule (or pattern) -> kind. The first line that fits counts.
IDENTITY = {
    'identity:auth:look': 'anybody, in identity',
    'identity:v2:look': 'anybody, in identity',
    'identity:regions:list': 'anybody, in identity',
    'identity:credentials:list': 'anybody, in identity',  # the own ones
    'identity:registered_limits:show': 'anybody, in identity',
    'identity:limits:model': 'anybody, in identity',
    'identity:oauth1:authorize': 'anybody, in identity',  # of the own rights
    'identity:limits:list': 'anybody, in identity',  # the own ones
    'identity:limits:list_all': 'auditors',
    'identity:limits:show': 'readers of the domain and of its projects',
    'identity:tokens:check': 'services, auditors and oneself',
    'identity:tokens:revoke': 'administrators and oneself',
    'identity:tokens:claims': 'services',
    'identity:revocations:list': 'services',
    'identity:signatures:check': 'services',
    'identity:revocation_events:list': 'services and auditors',
    'identity:users:show': 'readers of the domain and oneself',
    'identity:users:projects': 'readers of the domain and oneself',
    'identity:users:groups': 'readers of the domain and oneself',
    'identity:role_assignments:list': 'readers of the domain and oneself',
    'identity:users:list': 'readers of the domain',
    'identity:groups:list': 'readers of the domain',
    'identity:groups:show': 'readers of the domain',
    'identity:groups:members': 'readers of the domain',
    'identity:grants:list': 'readers of the domain',
    'identity:domains:list': 'readers of the domain',
    'identity:projects:list': 'readers of the domain',
    'identity:domains:show': 'readers of the domain and of its projects',
    'identity:projects:show': 'readers of the domain and of its projects',
    'identity:users:*': 'managers of the domain',
    'identity:groups:*': 'managers of the domain',
    'identity:projects:*': 'managers of the domain',
    'identity:grants:*': 'managers of the domain',  # of the roles manager, member and reader
    'identity:roles:list': 'auditors and who gives roles',
    'identity:roles:show': 'auditors and who gives roles',
    'identity:*credentials:show': 'auditors and oneself',
    'identity:access_rules:show': 'auditors and oneself',
    'identity:access_tokens:show': 'auditors and oneself',
    'identity:trusts:list': 'auditors and oneself',
    'identity:trusts:show': 'auditors and oneself',
    'identity:trusts:create': 'nobody but oneself',
    'identity:application_credentials:create': 'nobody but oneself',
    'identity:credentials:update': 'administrators and oneself',
    'identity:ec2_credentials:update': 'administrators and oneself',
    'identity:application_credentials:delete': 'administrators and oneself',
    'identity:access_rules:delete': 'administrators and oneself',
    'identity:trusts:delete': 'administrators and oneself',
    'identity:access_tokens:delete': 'administrators and oneself',
    'identity:roles:see_implied': 'auditors',
    'identity:services:list': 'auditors',
    'identity:endpoints:list': 'auditors',
    'identity:consumers:show': 'auditors',
    'identity:endpoint_groups:show': 'auditors',
    'identity:endpoint_filter:show': 'auditors',
    'identity:policies:show': 'auditors',
    'identity:domain_config:defaults': 'auditors',
    'identity:domain_config:show': 'auditors',
    **{f'identity:{noun}:*': 'administrators' for noun in (
        'domains', 'roles', 'regions', 'services', 'endpoints', 'endpoint_groups', 'endpoint_filter', 'policies', 'registered_limits', 'limits',
        'domain_config', 'v2', 'consumers',
    )},
}  # fmt: skip

ELSEWHERE = {
    # what the cloud as a whole is about, and things of all projects
    '*:list_all': 'administrators',
    '*:show_host': 'administrators',
    '*:reset_state': 'administrators',
    '*:reset_status': 'administrators',
    '*:force_delete': 'administrators',
    'compute:servers:diagnostics': 'administrators',
    'compute:flavors:manage': 'administrators',
    'compute:availability_zones:detail': 'administrators',
    'compute:hypervisors:*': 'administrators',
    'compute:usage:list': 'administrators',
    'volume:pools:list': 'administrators',
    'volume:types:manage': 'administrators',
    '*:services:*': 'administrators',
    'network:see_all_projects': 'administrators',
    'network:*:see_*': 'administrators',
    'network:*:set_*': 'administrators',
    'network:ports:bind': 'administrators',
    'network:floatingips:any_port': 'administrators',
    'network:security_groups:delete_default': 'administrators',
    'network:agents:list': 'readers of the project',  # to others than administrators the list is empty
    'network:agents:*': 'administrators',
    'network:network_ip_availabilities:list': 'administrators',
    'network:quotas:list': 'administrators',
    '*:quotas:update': 'administrators',
    'image:images:publicize': 'administrators',
    'image:images:copy': 'administrators',
    'image:locations:delete': 'administrators',
    'image:stores:detail': 'administrators',
    'image:cache:*': 'administrators',
    'image:tasks:of_image': 'readers of the project',
    'image:tasks:*': 'administrators',
    'image:metadef_*:list': 'readers of the project',
    'image:metadef_*:show': 'readers of the project',
    'image:metadef_*': 'administrators',
    # one service asking another
    'compute:external_events:create': 'services',
    'volume:attachments:show_connection': 'services',
    'image:locations:fetch': 'services',
    # what an API can do
    'network:extensions:list': 'anybody',
    'compute:extensions:list': 'anybody',
    'compute:images:proxy': 'anybody',  # whom the image service lets
    'image:data:try': 'anybody',  # asks again about the image
    'image:schemas:show': 'anybody',
    'image:stores:list': 'anybody',
    'image:info:show': 'anybody',
    # a user's, not a project's
    'compute:keypairs:*': 'administrators and the own user',
    # looking at things of the own project
    'image:data:download': 'readers of the project',
    'image:usage:show': 'readers of the project',
    'compute:flavors:specs': 'readers of the project',
    '*:list': 'readers of the project',
    '*:show': 'readers of the project',
    # changing them
    **{f'*:{verb}': 'members of the project' for verb in (
        'create', 'update', 'delete', 'reboot', 'start', 'stop', 'pause', 'unpause', 'suspend', 'resume', 'console_log', 'lock', 'unlock',
        'security_groups', 'create_image', 'create_backup', 'attach', 'detach', 'extend', 'complete', 'add_interface', 'remove_interface',
        'as_network_owner', 'communitize', 'deactivate', 'reactivate', 'set', 'add', 'upload', 'remove', 'import',
    )},
}  # fmt: skip


def line_of(rule: str) -> str | None:
    """The line of the table that counts for a rule."""
    table = IDENTITY if rule.startswith('identity:') else ELSEWHERE
    return next((pattern for pattern in table if fnmatch.fnmatchcase(rule, pattern)), None)


def kind_of(rule: str) -> str | None:
    """The kind of act that a rule is about, None where the table says nothing."""
    line = line_of(rule)
    return None if line is None else {**IDENTITY, **ELSEWHERE}[line]
