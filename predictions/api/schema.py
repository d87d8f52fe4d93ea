"""What OpenAPI says of event markets: names of operations, components and what their addresses may be."""

from functools import partial
from typing import Any

from common.api import schema
from predictions.api.components import COMPONENTS

described = partial(schema.described, prefix="Prediction", status=200)
CURSOR = schema.CURSOR
EXCHANGE = {"exchange": "the exchange's name; the key's own, else main, where there is none"}
_PATHS = {"name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]{0,31}$"}}


def add_components(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: FBT001  the hook's signature
    """The postprocessing hook: the components, and what their addresses may be."""
    result["components"]["schemas"].update(COMPONENTS)
    for address, path in result["paths"].items():
        for operation in path.values() if "/predictions/" in address else ():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["schema"] = _PATHS.get(parameter["name"], schema.ANY_ID)
    return result
