"""The configuration of tempest for a Pileus cloud: whatever is not switched on here would be skipped, not tested."""

from __future__ import annotations

import configparser
import dataclasses
import io
import pathlib


@dataclasses.dataclass(slots=True)
class Cloud:
    """Where a cloud is and what tests may use of it."""

    auth_url: str
    password: str
    public_network: str = ''
    image_url: str = ''
    second_image_url: str = ''
    formats: str = ''
    checks_formats: bool = True
    images: list[str] = dataclasses.field(default_factory=list)
    flavors: list[str] = dataclasses.field(default_factory=list)


def settings_of(cloud: Cloud, work: pathlib.Path) -> str:
    """The text of tempest.conf."""
    sections = {
        'DEFAULT': {'debug': 'true', 'use_stderr': 'false', 'log_file': 'tempest.log', 'log_dir': str(work / 'logs')},
        'oslo_concurrency': {'lock_path': str(work / 'locks')},
        'auth': {
            'use_dynamic_credentials': 'true',
            'create_isolated_networks': 'true',
            'default_credentials_domain_name': 'Default',
            'admin_username': 'admin',
            'admin_password': cloud.password,
            'admin_project_name': 'admin',
            'admin_domain_name': 'Default',
            'admin_system': 'all',
        },
        'identity': {
            'uri_v3': cloud.auth_url,
            'auth_version': 'v3',
            'region': 'RegionOne',
            'v3_endpoint_type': 'public',
            'default_domain_id': 'default',
            'use_system_token': 'true',
            'user_lockout_failure_attempts': '2',
            'user_lockout_duration': '5',
            'user_unique_last_password_count': '2',
            'user_minimum_password_age': '0',
        },
        'identity-feature-enabled': {
            'trust': 'true',
            'api_extensions': 'all',
            'access_rules': 'true',
            'domain_specific_drivers': 'true',
            'security_compliance': 'true',
            'immutable_user_source': 'false',
        },
        'service_available': {'nova': 'true', 'glance': 'true', 'cinder': 'true', 'neutron': 'true', 'swift': 'false', 'horizon': 'false'},
        'enforce_scope': dict.fromkeys(('nova', 'neutron', 'glance', 'cinder', 'keystone'), 'true'),
        'image': {
            'region': 'RegionOne',
            'build_interval': '1',
            'image_caching_enabled': 'true',
            'http_image': cloud.image_url,
            'http_qcow2_image': f'{cloud.image_url}.qcow2',
            'container_formats': 'bare,ami,ari,aki,ovf,ova,docker,compressed',
            'disk_formats': 'qcow2,raw,ami,ari,aki,vhd,vmdk,vdi,iso,vhdx,ploop,gpt',
            'hashing_algorithm': 'sha512',
            'images_manifest_file': cloud.formats,
        },
        'image-feature-enabled': {
            'import_image': 'true',
            'image_conversion': 'true',
            'os_glance_reserved': 'true',
            'manage_locations': 'true',
            'image_format_enforcement': str(cloud.checks_formats).lower(),
            'do_secure_hash': str(cloud.checks_formats).lower(),
            'http_store_enabled': 'true',
            'store_weight_enabled': 'true',
        },
        'compute': {
            'region': 'RegionOne',
            'image_ref': cloud.images[0],
            'image_ref_alt': cloud.images[1],
            'flavor_ref': cloud.flavors[0],
            'flavor_ref_alt': cloud.flavors[1],
            'build_interval': '1',
            'build_timeout': '60',
            'max_microversion': 'latest',
        },
        'network': {
            'region': 'RegionOne',
            'public_network_id': cloud.public_network,
            'project_network_cidr': '10.100.0.0/16',
            'project_network_mask_bits': '28',
            'project_network_v6_cidr': '2001:db8::/48',
            'default_network': '1.0.0.0/16,2.0.0.0/16',
            'build_interval': '1',
        },
        'network-feature-enabled': {
            'ipv6': 'true',
            'ipv6_subnet_attributes': 'true',
            'api_extensions': 'all',
            'port_admin_state_change': 'true',
            'port_security': 'true',
            'floating_ips': 'true',
        },
        'validation': {'run_validation': 'false'},
    }
    if cloud.second_image_url:
        sections['image']['alternate_image_endpoint'] = 'image_remote'
    parser = configparser.RawConfigParser()
    parser.read_dict(sections)
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()
