"""Key pairs of the type x509: a private key and a certificate that a guest without ssh (Windows) knows its user by."""

from __future__ import annotations

import datetime

from common.clock import now
from common.errors import InvalidInput

_YEARS = 10
_PRINCIPAL = '1.3.6.1.4.1.311.20.2.3'  # Microsoft's user principal name, by which WinRM maps a certificate to a user


def generate(user_id: str, name: str) -> tuple[str, str]:
    """(private key, certificate), both PEM: the certificate signs itself, is good for client authentication, and names the user."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    principal = f'{user_id}@{name}'[:120].encode()
    other = x509.OtherName(x509.ObjectIdentifier(_PRINCIPAL), bytes((0x0C, len(principal))) + principal)  # an ASN.1 UTF8String
    began = now() - datetime.timedelta(minutes=5)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(began)
        .not_valid_after(began + datetime.timedelta(days=365 * _YEARS))
        .add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([other]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


def fingerprint(certificate: str) -> str:
    """SHA-1 of the certificate, as clients show it. Raises InvalidInput for text that is no certificate in PEM form."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    try:
        digest = x509.load_pem_x509_certificate(certificate.encode()).fingerprint(hashes.SHA1()).hex()  # noqa: S303
    except ValueError:
        raise InvalidInput(
            'Keypair data is invalid: failed to generate fingerprint. Give an X.509 certificate in PEM form.', field='public_key'
        ) from None
    return ':'.join(digest[i : i + 2] for i in range(0, len(digest), 2))
