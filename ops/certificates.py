"""The clinic's own certificate authority and its server certificate. Imports cryptography and `ops` only."""

import ipaddress
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ops.keys import write_private
from ops.problems import Problem

T = TypeVar("T")
AUTHORITY_DAYS = 3650
SERVER_DAYS = 825
"""The longest that Apple's platforms accept, also from a private authority."""
RENEW_DAYS = 60
REMEDIES = {
    "ca.pem": "Restore it from a backup; who trusts the clinic has a copy too. Without one, remove it: the next start makes another, for everybody to trust.",
    "ca.key": "Restore it from a backup. Without one, remove it: the next start makes a new authority, and everybody has to trust its ca.pem.",
    "server.pem": "Remove it: the next start makes another, and nobody else has to do anything.",
    "server.key": "Remove it: the next start makes another, and nobody else has to do anything.",
}


def _read(path: Path, parse: Callable[[bytes], T]) -> T:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise Problem(f"{path} cannot be read ({error.strerror}). Give it back to the user who starts the clinic.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise Problem(f"{path} is {'damaged' if path.stat().st_size else 'empty'}. {REMEDIES[path.name]}") from error


def _parse_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("not an elliptic-curve key")
    return key


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if path.exists():
        return _read(path, _parse_key)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_private(path, pem.decode())
    return key


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def load(path: Path) -> x509.Certificate | None:
    """Returns the (first) certificate of one of the clinic's files, None if there is no such file. Raises Problem if it is damaged."""
    return _read(path, x509.load_pem_x509_certificate) if path.exists() else None


def days_left(certificate: x509.Certificate) -> float:
    """Returns for how many days the certificate still holds; negative once it expired."""
    return (certificate.not_valid_after_utc - datetime.now(UTC)) / timedelta(days=1)


def _builder(subject: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(folder: Path, domain: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = _key(folder / "ca.key")
    path = folder / "ca.pem"
    found = load(path)
    if found and found.public_key() == key.public_key() and days_left(found) > RENEW_DAYS:
        return found, key
    subject = f"Bedside clinic authority ({domain})"
    made = (
        _builder(subject, _name(subject), key.public_key(), AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    write_private(path, _pem(made))
    return made, key


def _pem(*certificates: x509.Certificate) -> str:
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)


def _fits(found: x509.Certificate, authority: x509.Certificate, key: ec.EllipticCurvePrivateKey, names: set[x509.GeneralName]) -> bool:
    if found.public_key() != key.public_key() or days_left(found) < RENEW_DAYS:
        return False
    try:
        if set(found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value) != names:
            return False
        issued_by = found.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return False
    return issued_by == authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest


def ensure(folder: Path, domain: str, names: Iterable[str]) -> bool:
    """Makes `ca.pem`, `server.pem` (with the authority's certificate behind it) and `server.key`, or renews what runs out.

    `names` are host names and addresses. Returns whether a new server certificate was made. Raises Problem for a damaged file.
    """
    authority, authority_key = _authority(folder, domain)
    key = _key(folder / "server.key")
    path = folder / "server.pem"
    wanted = {_alternative(name): None for name in names}
    found = load(path)
    if found and _fits(found, authority, key, set(wanted)) and path.read_text() == _pem(found, authority):
        return False
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    made = (
        _builder(domain, authority.subject, key.public_key(), SERVER_DAYS)
        .add_extension(x509.SubjectAlternativeName(list(wanted)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    write_private(path, _pem(made, authority))
    return True
