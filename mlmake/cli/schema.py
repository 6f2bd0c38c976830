"""`mlmake schema`: the JSON Schema of an Mlfile, for editors; it only prints it."""

import sys

import msgspec

from mlmake.cli.settings import Settings, command
from mlmake.mlfile.jsonschema import mlfile_schema


@command("schema")
def schema(settings: Settings) -> int:
    """Print the JSON Schema of an Mlfile.

    A first line `#:schema PATH` in the Mlfile lets editors use it.
    """
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(mlfile_schema()), indent=2) + b"\n")
    return 0
