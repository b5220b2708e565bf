"""A session through the UniFFI binding; the Kotlin and Swift bindings are generated from the same interface."""
import json

import zenb_ffi

opening = {
    "protocol": {"kind": {"paced": {"pace": {"milli_breaths": 6000, "inhale_permille": 400}}}, "minutes": 5},
    "inhibitions": {"loaded": {"seen_wall_ms": 0, "contexts": {}}},
    "breathed_today_ms": 0,
    "wall_ms": 1795000000000,
    "seed": 7,
}
session = zenb_ffi.Session.open(json.dumps(opening))
before = session.digest()
answer = json.loads(session.step(json.dumps({"input": "start", "at": 1})))
assert answer["refused"]["code"] == "screen_missing", answer
assert session.digest() == before, "a refusal changed the state"
try:
    session.step("no json")
except zenb_ffi.BadText.Form:
    pass
else:
    raise AssertionError("a text that is no input was taken")
json.loads(session.step(json.dumps({"input": "stop", "at": 2, "by": "person"})))["taken"]
assert json.loads(session.summary())["outcome"] == "not_started"
print("python: a session through the UniFFI binding as expected, digest", session.digest())
