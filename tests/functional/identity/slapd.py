"""A private OpenLDAP server on a loopback port, with a few people in it."""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from common.clock import monotonic
from tests.ports import free_port

SLAPD = shutil.which('slapd', path=f'{os.environ.get("PATH", "")}:/usr/sbin')
BASE = 'dc=example,dc=org'
ROOT, ROOT_PASSWORD = f'cn=root,{BASE}', 'directory-secret'
_PEOPLE = {'ann': 'ann-secret', 'bob': 'bob-secret', 'Zoë (ops)*': 'zoe-secret'}


def missing() -> str | None:
    return None if SLAPD else 'there is no slapd (Debian package slapd)'


def _certificate(path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, 'localhost')])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address('127.0.0.1'))]), False)
        .add_extension(x509.BasicConstraints(True, None), True)
        .sign(key, hashes.SHA256())
    )
    (path / 'cert.pem').write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (path / 'key.pem').write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _entries() -> str:
    lines = [f'dn: {BASE}', 'objectClass: dcObject', 'objectClass: organization', 'dc: example', 'o: Example', '']
    for unit in ('people', 'groups'):
        lines += [f'dn: ou={unit},{BASE}', 'objectClass: organizationalUnit', f'ou: {unit}', '']
    for name, password in _PEOPLE.items():
        lines += [
            f'dn: uid={name},ou=people,{BASE}',
            'objectClass: inetOrgPerson',
            f'uid: {name}',
            f'cn: {name}',
            'sn: x',
            f'userPassword: {password}',
            f'employeeType: {"FALSE" if name == "bob" else "TRUE"}',
            'mail: a@example.org',
            '',
        ]
    members = [f'member: uid={name},ou=people,{BASE}' for name in ('ANN', 'Zoë (ops)*', 'gone')]
    lines += [f'dn: cn=ops,ou=groups,{BASE}', 'objectClass: groupOfNames', 'cn: ops', 'description: Night shift', *members, '']
    return '\n'.join(lines)


class Slapd:
    """Starts the server when made, with `more` lines in its configuration; `stop` ends it, `start` starts it again on the same port."""

    def __init__(self, path, more=''):
        self.path, self.port = path, free_port()
        self.url = f'ldap://127.0.0.1:{self.port}'
        self.certificate = path / 'cert.pem'
        _certificate(path)
        (path / 'data').mkdir()
        schemas = '\n'.join(f'include /etc/ldap/schema/{name}.schema' for name in ('core', 'cosine', 'inetorgperson'))
        (path / 'slapd.conf').write_text(
            f'{schemas}\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\npidfile {path}/pid\n'
            f'TLSCertificateFile {path}/cert.pem\nTLSCertificateKeyFile {path}/key.pem\n'
            f'{more}\ndatabase mdb\nsuffix "{BASE}"\nrootdn "{ROOT}"\nrootpw {ROOT_PASSWORD}\ndirectory {path}/data\nmaxsize 10485760\n'
            'access to attrs=userPassword by anonymous auth by * none\naccess to * by users read by * none\n'
        )
        (path / 'entries.ldif').write_text(_entries())
        subprocess.run([SLAPD, '-T', 'add', '-f', path / 'slapd.conf', '-l', path / 'entries.ldif'], check=True, capture_output=True)
        self.start()

    def start(self):
        with (self.path / 'log').open('wb') as log:
            self.process = subprocess.Popen([SLAPD, '-f', self.path / 'slapd.conf', '-h', self.url, '-d', '0'], stderr=log, stdout=log)
        end = monotonic() + 60
        import socket

        while True:
            assert self.process.poll() is None, (self.path / 'log').read_text()
            try:
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return
            except OSError:
                assert monotonic() < end, 'slapd does not answer'

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
