"""What the whole OpenAPI description gets besides the views: components and addresses."""

from typing import Any

from common.api.schema import ANY_ID
from markets.api.components import COMPONENTS

_PATHS = {
    "session_id": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    "handle": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,32}$"},
    "asset": {"type": "string", "pattern": "^[A-Za-z0-9._ -]{1,32}$"},
    "feed_id": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,80}$"},
    "key_id": {"type": "integer", "minimum": 1},
}


def add_components(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: FBT001  the hook's signature
    """The postprocessing hook: the components, and what their addresses may be."""
    result.setdefault("components", {}).setdefault("schemas", {}).update(COMPONENTS)
    for path in result["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["schema"] = _PATHS.get(parameter["name"], ANY_ID)
    return result
