"""What Schemathesis is told about this API beyond its document."""

import itertools
import json

import schemathesis
from schemathesis import GenerationMode

WRITES = {"POST", "PUT", "PATCH", "DELETE"}
# Codes that say: this request does not have the documented shape.
SHAPE_REFUSED = {"body_invalid", "body_malformed", "parameter_invalid", "idempotency_key_invalid"}

keys = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
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
    if problem.get("code") in SHAPE_REFUSED:
        errors = "; ".join(f"{e['pointer']}: {e['detail']}" for e in problem.get("errors", []))
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


def is_valid(case) -> bool:
    """Whether the generator made this request to be valid in every part."""
    mode = getattr(case.meta, "generation", None)
    return mode is not None and mode.mode is GenerationMode.POSITIVE
