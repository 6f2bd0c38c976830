"""The JSON Schema of an Mlfile, for editors, from the types that decode it; it knows no rule beyond one key."""

from typing import Any

import msgspec

from mlmake.mlfile.schema import NAME_PATTERN, MlfileTable

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def mlfile_schema() -> dict[str, Any]:
    """The schema as plain values, ready to be written as JSON."""
    schema: dict[str, Any] = _without_null(msgspec.json.schema(MlfileTable))
    top = schema["$defs"]["MlfileTable"]["properties"]
    for named in ("target", "serve"):
        top[named]["propertyNames"] = {"pattern": NAME_PATTERN}
    return {"$schema": DIALECT, "title": "Mlfile", **schema}


def _without_null(schema: Any) -> Any:
    """TOML has no null: a key that is not set is not there. Defaults of tables are in the tables themselves."""
    match schema:
        case {"anyOf": [*choices], **rest} if {"type": "null"} in choices:
            left = [choice for choice in choices if choice != {"type": "null"}]
            return _without_null({**rest, **left[0]} if len(left) == 1 else {**rest, "anyOf": left})
        case {"enum": [*words], **rest} if None in words:
            return _without_null({**rest, "enum": [word for word in words if word is not None]})
        case dict():
            return {
                key: _without_null(value)
                for key, value in schema.items()
                if not (key == "default" and (value is None or isinstance(value, dict)))
            }
        case list():
            return [_without_null(value) for value in schema]
        case _:
            return schema
