"""python replay.py SESSIONS.json: runs every session and compares the digest after every step."""
import json
import sys

import zenb

sessions = json.load(open(sys.argv[1]))
for recorded in sessions:
    with zenb.Session(recorded["opening"]) as session:
        digests = [session.digest()]
        for value in recorded["inputs"]:
            session.step(value)
            digests.append(session.digest())
    assert digests == recorded["digests"], recorded["name"]
    try:
        with zenb.Session(recorded["opening"]) as session:
            session.step({"input": "tick", "at": "now"})
    except ValueError as error:
        assert "input is not of its form" in str(error), error
    else:
        raise AssertionError("a text for a number was taken")
print(len(sessions), "sessions as recorded")
