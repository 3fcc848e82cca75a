"""Options of the identity service."""

from __future__ import annotations

from common.config import group, option


@group('identity')
class IdentityOptions:
    """What an operator may set under `[identity]`."""

    driver: str = option('sql', help='Where users and groups live: sql, ldap, kv (memory), pam, or a driver of another distribution')
    domain_config_dir: str = option(
        '',
        help='Directory with a file <domain id or name>.conf for each domain whose users live elsewhere: [identity] driver and its options',
    )
    domain_configurations_from_database: bool = option(
        False, help='Whether what an administrator sets for a domain at /v3/domains/<id>/config is used, with the driver ldap'
    )
    default_domain_id: str = option('default', help='Domain of requests that name none')
    password_hash_rounds: int = option(12, min=4, max=31, help='Cost of password hashes (bcrypt): each step doubles the time')
    max_password_length: int = option(4096, min=72, help='Longer passwords are refused')
    admin_port: int = option(0, min=0, max=65535, help='Further port of the API, for tools that look for version 2.0 on 35357; 0: none')
    max_project_tree_depth: int = option(5, min=1, help='How deep projects may be nested')
    cache_seconds: float = option(1.0, help='How long names and the catalog may be remembered while another process may change them')


@group('ldap')
class LdapOptions:
    """Where a directory is and how users and groups look in it. Belongs into a file of `[identity] domain_config_dir`."""

    url: str = option('ldap://127.0.0.1', help='Server; several, separated by blanks, are tried in turn. ldaps:// for TLS from the start')
    user: str = option('', help='Distinguished name to look things up with; empty: anonymous')
    password: str = option('', help='Its password', secret=True)
    use_start_tls: bool = option(False, help='Whether to switch an ldap:// connection to TLS before anything else is said')
    tls_ca_file: str = option('', help="Certificates of those who may vouch for the server; empty: the system's")
    tls_require_cert: str = option('demand', choices=('demand', 'allow', 'never'), help="How the server's certificate is checked")
    timeout: int = option(5, min=1, help='Seconds to wait for a connection, and for each answer')
    pool_size: int = option(8, min=1, help='Connections that are kept open')
    page_size: int = option(500, min=1, help='Entries asked for at a time')
    writable: bool = option(False, help='Whether users and groups may be changed through the API')
    user_tree_dn: str = option('', help='Where users are')
    user_scope: str = option('sub', choices=('sub', 'one'), help='Whether users are anywhere below (sub) or right below (one)')
    user_filter: str = option('', help='Further condition on users, for example (memberOf=cn=cloud,ou=groups,dc=example,dc=org)')
    user_object_class: str = option('inetOrgPerson', help='Object class of users')
    user_id_attribute: str = option('uid', help='Attribute that tells users apart and never changes; ids are made from it')
    user_rdn_attribute: str = option('', help="Attribute that users' distinguished names begin with; empty: the one that tells them apart")
    user_name_attribute: str = option('uid', help='Attribute with the name that users log in with')
    user_mail_attribute: str = option('mail', help='Attribute with the address for mail; empty: none')
    user_description_attribute: str = option('description', help='Attribute with the description; empty: none')
    user_enabled_attribute: str = option('', help='Attribute that says whether a user may log in; empty: all may')
    user_enabled_mask: int = option(
        0, min=0, help='Bit of the attribute that means disabled (2 for userAccountControl); 0: it is TRUE or FALSE'
    )
    user_enabled_invert: bool = option(False, help='Whether TRUE means disabled')
    user_enabled_default: bool = option(True, help='What holds for users without the attribute')
    group_tree_dn: str = option('', help='Where groups are; empty: there are none')
    group_scope: str = option('sub', choices=('sub', 'one'), help='Whether groups are anywhere below (sub) or right below (one)')
    group_filter: str = option('', help='Further condition on groups')
    group_object_class: str = option('groupOfNames', help='Object class of groups')
    group_id_attribute: str = option('cn', help='Attribute that tells groups apart and never changes')
    group_name_attribute: str = option('cn', help='Attribute with the name')
    group_description_attribute: str = option('description', help='Attribute with the description; empty: none')
    group_member_attribute: str = option('member', help='Attribute that names who is in the group')
    group_members_are_ids: bool = option(False, help="Whether it holds users' ids (posixGroup) and not distinguished names")


@group('pam')
class PamOptions:
    """Users of this machine, checked with PAM. Belongs into a file of `[identity] domain_config_dir`."""

    service: str = option('login', help='Name of the PAM service that checks passwords')
    config_directory: str = option('', help="Directory of the service's file; empty: the system's")
    min_uid: int = option(1000, min=0, help='Users below are none of the cloud')
    max_uid: int = option(60000, min=0, help='Users above are none of the cloud')


@group('catalog')
class CatalogOptions:
    """Where the catalog of services comes from."""

    driver: str = option('sql', choices=('sql', 'templated'), help='sql: what the API made; templated: a file')
    template_file: str = option('', help='The file: lines like catalog.RegionOne.compute.publicURL = http://...')


@group('brute_force')
class BruteForceOptions:
    """How those are slowed down who guess passwords. Failures are forgotten steadily, all of them within a minute."""

    failures_per_user: int = option(20, min=0, help='Failed logins a minute with one user name; 0: no limit')
    failures_per_address: int = option(100, min=0, help='Failed logins a minute from one address; 0: no limit')
    remembered: int = option(20000, min=100, help='Names and addresses that are kept in mind')


@group('token')
class TokenOptions:
    """What an operator may set under `[token]`."""

    provider: str = option(
        'signed', choices=('signed', 'opaque'), help='Kind of new tokens: checked offline by every service, or by asking identity'
    )
    lifetime: int = option(3600, min=60, help='Seconds that a token is valid')
    allow_expired_window: int = option(
        172800, min=0, help='Seconds after its end that a token is good yet in requests of services, which show their own beside it'
    )
    key_directory: str = option('', help='Directory of the signing keys; empty: identity/keys below the state directory')
    allow_rescope: bool = option(True, help='Whether a scoped token may be exchanged for one with another scope')


@group('totp')
class TotpOptions:
    """One-time passwords of authenticator apps."""

    included_previous_windows: int = option(1, min=0, max=10, help='How many codes before the present one are good too; each lasts 30 s')


@group('ec2')
class Ec2Options:
    """Requests that are signed with access keys."""

    signature_window: int = option(900, min=1, max=86400, help='Seconds that the time in a signed request may differ from ours')
    old_signatures: bool = option(False, help='Whether EC2 signatures of versions 0 and 1, which say little of a request, count too')


@group('receipt')
class ReceiptOptions:
    """Receipts of logins that need a further method."""

    lifetime: int = option(300, min=10, max=3600, help='Seconds within which such a login must be finished')


@group('credential')
class CredentialOptions:
    """Secrets that users keep: access keys, seeds of codes."""

    user_limit: int = option(200, min=-1, help='How many credentials a user may have; -1: any number')


@group('application_credential')
class ApplicationCredentialOptions:
    """Secrets that users make for their programs."""

    user_limit: int = option(200, min=-1, help='How many application credentials a user may have; -1: any number')
    access_rule_limit: int = option(1000, min=-1, help='How many access rules a user may keep; -1: any number')


@group('trust')
class TrustOptions:
    """What users let each other do."""

    user_limit: int = option(1000, min=-1, help='How many trusts in force a user may have made; -1: any number')
    max_redelegation_count: int = option(3, min=0, max=20, help='How many times a trust may be passed on, one user after the other')


@group('oauth1')
class OAuthOptions:
    """What users let programs do (OAuth 1.0)."""

    user_limit: int = option(200, min=-1, help='How many programs a user may allow at a time; -1: any number')
    request_token_duration: int = option(28800, min=60, help='Seconds within which a user must allow what a program asks for')
    access_token_duration: int = option(86400, min=0, help='Seconds that the permission lasts; 0: until it is taken back')
    timestamp_window: int = option(600, min=10, max=3600, help='Seconds that the clock of a program may be off')
    public_url: str = option(
        '', help='Address of this API as programs sign it (without /v3), where a proxy changes it; empty: as each request says'
    )


@group('security_compliance')
class ComplianceOptions:
    """Rules for passwords; all are off by default."""

    lockout_failure_attempts: int = option(0, min=0, help='Failed logins after which a user is locked out; 0: never')
    lockout_duration: int = option(1800, min=1, help='Seconds that a lockout lasts')
    unique_last_password_count: int = option(0, min=0, help='How many passwords, the present one included, may not be used again')
    minimum_password_age: int = option(0, min=0, help='Days before a user may change the password again')
    password_expires_days: int = option(0, min=0, help='Days after which a password must be changed; 0: never')
    password_regex: str = option('', help='Pattern that new passwords must match; empty: any')
    password_regex_description: str = option('', help='The pattern in words, shown to users whose password is refused')
    change_password_upon_first_use: bool = option(False, help='Whether users must change a password that an administrator set')
