"""fhir.resources as a filter: a JSON array of FHIR R4 resources on standard input, a JSON array of answers out.

[resource] -> [{valid, error}]

The models are made from the structure definitions of FHIR R4B (4.3.0), in which Bundle and Observation are those of R4.
"""

import json
import sys

from fhir.resources.R4B import get_fhir_model_class


def judge(resource):
    try:
        model = get_fhir_model_class(resource["resourceType"])
        model.model_validate_json(json.dumps(resource))
    except (KeyError, ValueError) as error:
        return {"valid": False, "error": str(error)}
    return {"valid": True, "error": None}


json.dump([judge(resource) for resource in json.load(sys.stdin)], sys.stdout)
