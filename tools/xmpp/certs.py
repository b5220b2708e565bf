"""A certificate authority of the test's own, and certificates by it.

Names are dNSName subject alternative names only: ejabberd 23.01 fails on a peer certificate with an xmppAddr name.
"""

import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """Signs server certificates; `ca` is the file that peers trust."""

    def __init__(self, folder, name="Test Authority"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        built = self._builder(self.name, self.key, now - DAY, now + 30 * DAY)
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        built = built.add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True
        )
        self.certificate = built.sign(self.key, hashes.SHA256())
        self.ca = self.folder / "ca.pem"
        self.ca.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key, begins, ends):
        built = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
        built = built.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return built.not_valid_before(begins).not_valid_after(ends)

    def issue(self, *domains, expired=False):
        """Files (certificate, key) for a server that holds `domains`."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        ends = now - DAY if expired else now + 20 * DAY
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domains[0])])
        built = self._builder(subject, key, now - 2 * DAY, ends)
        names = x509.SubjectAlternativeName([x509.DNSName(domain) for domain in domains])
        built = built.add_extension(names, critical=False)
        built = built.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        built = built.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        certificate = built.sign(self.key, hashes.SHA256())
        stem = domains[0] + ("-expired" if expired else "")
        files = self.folder / f"{stem}.crt", self.folder / f"{stem}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        files[1].chmod(0o600)
        return files
