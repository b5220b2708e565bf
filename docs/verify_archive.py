#!/usr/bin/env python3
"""Checks an archive of a journal (`hanse journal export`) as docs/journal.md describes it, sharing no code with Hanse.

    verify_archive.py ARCHIVE VKEY

Needs Python 3.9 and OpenSSL 3. Exits with 0 if every digest, chain, root and signature is right.
"""

import base64
import hashlib
import json
import subprocess
import sys
import tempfile


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unpadded(text):
    """base64url without padding (RFC 4648 section 5), as archives write bytes."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def tagged(tag, data):
    return "sha256:" + sha(bytes([len(tag)]), tag.encode(), data).hex()


class Tree:
    """The peaks of an append-only Merkle tree: pairs of height and hash."""

    def __init__(self):
        self.peaks = []

    def append(self, leaf):
        height, node = 0, sha(b"\0", leaf)
        while self.peaks and self.peaks[-1][0] == height:
            node = sha(b"\1", self.peaks.pop()[1], node)
            height += 1
        self.peaks.append((height, node))

    def root(self):
        if not self.peaks:
            return sha(b"")
        node = self.peaks[-1][1]
        for _, peak in reversed(self.peaks[:-1]):
            node = sha(b"\1", peak, node)
        return node


def signature_holds(public, message, signature):
    spki = bytes.fromhex("302a300506032b6570032100") + public  # RFC 8410 section 4
    with tempfile.NamedTemporaryFile() as key, tempfile.NamedTemporaryFile() as text, tempfile.NamedTemporaryFile() as proof:
        for file, content in ((key, spki), (text, message), (proof, signature)):
            file.write(content)
            file.flush()
        verify = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", key.name]
        return subprocess.run(verify + ["-in", text.name, "-sigfile", proof.name], capture_output=True).returncode == 0


def check_checkpoint(note, name, key, roots):
    text, _, signatures = note.partition("\n\n")
    text += "\n"
    origin, size, root = text.splitlines()[:3]
    assert origin == name, f"checkpoint of {origin}"
    assert base64.b64decode(root) == roots[int(size)], f"root at size {size}"
    identifier = sha(name.encode(), b"\n", key)[:4]
    for line in signatures.splitlines():
        signer, data = line.removeprefix("— ").rsplit(" ", 1)
        data = base64.b64decode(data)
        if signer == name and data[:4] == identifier:
            assert signature_holds(key[1:], text.encode(), data[4:]), f"signature at size {size}"
            return
    raise AssertionError(f"checkpoint {size} is not signed by {name}")


def main(archive, vkey):
    name, _, key = vkey.split("+", 2)
    key = base64.b64decode(key)
    tree, heads, roots, checkpoints, ended = Tree(), {}, {0: sha(b"")}, 0, False
    with open(archive, encoding="utf-8") as lines:
        for line in lines:
            (kind, content), = json.loads(line).items()
            if kind == "event":
                header_bytes = unpadded(content["header"])
                header = json.loads(header_bytes)
                stream, seq = header["stream"], header["seq"]
                before = heads.get(stream, (0, tagged("hanse/genesis/v1", stream.encode())))
                assert (seq, header["prev"]) == (before[0] + 1, before[1]), f"{stream} {seq} does not follow"
                payload = tagged("hanse/payload/v1", unpadded(content["payload"]))
                assert header["payload_digest"] == payload, f"payload of {stream} {seq}"
                heads[stream] = (seq, tagged("hanse/event/v1", header_bytes))
                tree.append(header_bytes)
                roots[len(roots)] = tree.root()
            elif kind == "checkpoint":
                check_checkpoint(content["note"], name, key, roots)
                checkpoints += 1
            elif kind == "end":
                assert content["events"] == len(roots) - 1, "the archive was cut"
                ended = True
    assert ended, "the archive has no end"
    print(f"{len(roots) - 1} events in {len(heads)} streams, {checkpoints} checkpoints, root {tree.root().hex()}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
