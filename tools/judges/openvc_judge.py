"""openvc-core as a filter: a JSON array of requests on standard input, a JSON array of answers out.

verify: [{credential, now, statusLists?}]   -> [{verified, error}]
issue:  [{seedHex, credential, created}]   -> [signed credential]

Only did:key issuers are resolved, so nothing here reaches the network.
"""

import copy
import json
import sys
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ed25519
from openvc import VerificationPolicy, verify_credential
from openvc.did.base import DidResolverRegistry
from openvc.did.did_key import DidKeyResolver
from openvc.errors import OpenvcError
from openvc.keys import Ed25519SigningKey
from openvc.proof.di_jcs import EddsaJcsProofSuite

RESOLVER = DidResolverRegistry([DidKeyResolver()])


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def verify(request):
    policy = VerificationPolicy(now=moment(request["now"]), leeway_s=0)
    status_lists = {status_list["id"]: status_list for status_list in request.get("statusLists", [])}

    def resolve_status_list(url):
        if url not in status_lists:
            raise OpenvcError(f"no status list {url}")
        return verify_credential(status_lists[url], policy=policy, resolver=RESOLVER).credential

    try:
        verify_credential(
            request["credential"],
            policy=policy,
            resolver=RESOLVER,
            resolve_status_list=resolve_status_list,
        )
    except OpenvcError as error:
        return {"verified": False, "error": f"{type(error).__name__}: {error}"}
    return {"verified": True, "error": ""}


def issue(request):
    credential = copy.deepcopy(request["credential"])
    issuer = credential["issuer"]
    did = issuer["id"] if isinstance(issuer, dict) else issuer
    method = f"{did}#{did.removeprefix('did:key:')}"
    secret = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(request["seedHex"]))
    return EddsaJcsProofSuite().add_proof(
        credential,
        signing_key=Ed25519SigningKey(secret, kid=method),
        verification_method=method,
        created=moment(request["created"]),
    )


def main():
    work = {"verify": verify, "issue": issue}.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if work is None:
        sys.exit("usage: openvc_judge.py verify|issue < requests.json")
    json.dump([work(request) for request in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
