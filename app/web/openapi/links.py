"""Links in the OpenAPI document: which operations take the id or the name of what another operation creates."""

from typing import Any, Final

JsonObject = dict[str, Any]

FLOWS: Final = "/api/flows/"
DEPLOYMENTS: Final = "/api/deployments/"
CREATORS: Final[dict[str, tuple[dict[str, str], ...]]] = {
    FLOWS: ({"flow_id": "id"}, {"name": "name"}),
    DEPLOYMENTS: ({"deployment_id": "id"},),
    "/api/work_pools/": ({"name": "name"}, {"pool": "name"}),
    "/api/work_pools/{pool}/queues": ({"pool": "work_pool_name", "name": "name"},),
    "/api/work_queues/": ({"queue_id": "id"}, {"name": "name"}),
    "/api/concurrency_limits/": ({"limit_id": "id"}, {"tag": "tag"}),
    "/api/v2/concurrency_limits/": ({"id_or_name": "id"},),
}
"""The paths to which a new resource is posted: the path parameters of other operations, and the properties for them."""


def add_links(paths: JsonObject) -> None:
    """Add the links to the responses that contain a new resource."""
    for creator, ways in CREATORS.items():
        links: JsonObject = {
            operation["operationId"]: {
                "operationId": operation["operationId"],
                "parameters": {name: f"$response.body#/{key}" for name, key in way.items()},
            }
            for way in ways
            for path, operations in paths.items()
            if path.startswith(creator)
            for operation in operations.values()
            if _path_parameters(operation) == set(way)
        }
        if creator == FLOWS:
            # A deployment takes the id of its flow in the body.
            create = paths[DEPLOYMENTS]["post"]["operationId"]
            links[create] = {"operationId": create, "requestBody": {"flow_id": "$response.body#/id"}}
        for response in paths[creator]["post"]["responses"].values():
            if "$ref" not in response:
                response["links"] = links


def _path_parameters(operation: JsonObject) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}
