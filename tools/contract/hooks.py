"""What Schemathesis is told about this API beyond its document."""

import itertools
import json
import re
import os

import schemathesis
from schemathesis import GenerationMode

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
# Codes that say: this request does not have the documented shape.
SHAPE_REFUSED = {"body_invalid", "body_malformed", "parameter_invalid", "idempotency_key_invalid"}

# Parameters whose meaning depends on the state or on each other, which no schema can say: a cursor belongs to one list, a range to
# the length of the log.
STATEFUL = {"#query/cursor", "#query/from", "#query/to", "#query/size", "#path/index"}

keys = itertools.count()

# Ids of the principal and the token that the run itself uses: whoever ends them ends the run.
OWN = set(os.environ["CONTRACT_OWN"].split())


@schemathesis.hook
def before_call(context, case, kwargs):
    """What every request goes through."""
    use_each_key_once(case)
    keep_own_access(case)


def keep_own_access(case):
    """Disabling ourselves or revoking our token becomes doing it to somebody who does not exist."""
    if case.method.upper() in WRITES:
        for name, value in (case.path_parameters or {}).items():
            if value in OWN:
                case.path_parameters[name] = "somebody-else"


def use_each_key_once(case):
    """A key is used for one write only, as the document asks; generated ones repeat. Invalid requests keep theirs."""
    if case.method.upper() in WRITES and is_valid(case) and "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = f"contract-{next(keys)}"


@schemathesis.check
def documented_shape_is_accepted(ctx, response, case):
    """A request that is valid by the document is not refused for its shape."""
    if not is_valid(case) or response.status_code not in (400, 422):
        return
    try:
        problem = json.loads(response.content)
    except ValueError:
        return
    errors = problem.get("errors", [])
    if problem.get("code") in SHAPE_REFUSED and not (errors and all(beyond_schemas(e) for e in errors)):
        errors = "; ".join(f"{e['pointer']}: {e['detail']}" for e in errors)
        raise AssertionError(f"valid by the document, yet {problem['code']}: {errors or problem.get('detail')}")


@schemathesis.check
def refusals_are_problems(ctx, response, case):
    """Every refusal is RFC 9457 problem details with a stable code."""
    if response.status_code < 400 or case.method.upper() == "HEAD":
        return
    media_type = (response.headers.get("content-type") or [""])[0]
    assert media_type.startswith("application/problem+json"), f"a refusal of type {media_type!r}"
    problem = json.loads(response.content)
    assert problem["status"] == response.status_code, "the body names another status"
    assert problem["code"] and problem["type"].startswith("/problems/"), "no code or type"


def beyond_schemas(error) -> bool:
    """Refusals that no schema can announce: see STATEFUL, integers in free-form members that JSON readers would round, and
    official numbers, whose shape depends on their kind and whose check characters on their digits, public keys, which are points
    of a curve, addresses, whose letters RFC 7622 prepares, and passwords, which are counted in bytes."""
    official_number = re.fullmatch(r"/persons/\d+/identifiers/\d+", error["pointer"])
    if official_number or error["pointer"] in {"/key", "/password"} or "not an address" in error["detail"]:
        return True
    return error["pointer"] in STATEFUL or "integer outside" in error["detail"]


def is_valid(case) -> bool:
    """Whether the generator made this request to be valid in every part."""
    mode = getattr(case.meta, "generation", None)
    return mode is not None and mode.mode is GenerationMode.POSITIVE
