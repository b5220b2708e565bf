#!/usr/bin/env python3
"""Attests one thing about one subject, as an authority of the sample zone would with its own software.

    attest.py KEYS identity|government SUBJECT KIND

KEYS is `sample-authorities.json` of a sample zone; SUBJECT is the entity or person (`urn:hanse:entity:...`,
`urn:hanse:person:...`); KIND is a kind of evidence of the pack, such as `pk.name-availability`.

It writes a W3C Verifiable Credential 2.0 with an `eddsa-jcs-2022` proof (VC-DI-EDDSA section 3.3) and shares
no code with Hanse: Python's standard library, and OpenSSL 3 for the signature.
"""

import base64
import datetime
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import uuid

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# DER before the seed of an Ed25519 private key (RFC 8410 section 7).
PKCS8 = bytes.fromhex("302e020100300506032b657004220420")


def base58(data):
    number, text = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def canonical(value):
    """RFC 8785 for what is written here: strings only, member names in ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True).stdout


def sign(seed, message):
    """The public key and the signature; the seed touches no file that others can read."""
    with tempfile.TemporaryDirectory() as folder:
        key, data = os.path.join(folder, "key"), os.path.join(folder, "data")
        for path, content in ((key, PKCS8 + seed), (data, message)):
            with open(path, "wb") as file:
                file.write(content)
        public = openssl("pkey", "-inform", "DER", "-in", key, "-pubout", "-outform", "DER")[-32:]
        if not message:
            return public, b""
        return public, openssl("pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", key, "-in", data)


def main(keys, authority, subject, kind):
    with open(keys, encoding="utf-8") as file:
        text = json.load(file)[authority]
    seed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    multikey = "z" + base58(b"\xed\x01" + sign(seed, b"")[0])
    did = f"did:key:{multikey}"
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    credential = {
        # The second context allows terms that no context defines, such as `evidenceKind`.
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://www.w3.org/ns/credentials/undefined-terms/v2",
        ],
        "id": f"urn:uuid:{uuid.uuid4()}",
        "type": ["VerifiableCredential", "HanseEvidenceCredential"],
        "issuer": did,
        "validFrom": now,
        "credentialSubject": {"id": subject, "evidenceKind": kind},
    }
    proof = {
        "@context": credential["@context"],
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": now,
        "verificationMethod": f"{did}#{multikey}",
        "proofPurpose": "assertionMethod",
    }
    message = b"".join(hashlib.sha256(canonical(part)).digest() for part in (proof, credential))
    proof["proofValue"] = "z" + base58(sign(seed, message)[1])
    json.dump({**credential, "proof": proof}, sys.stdout, indent=2)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
