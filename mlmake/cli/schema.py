"""`mlmake schema`: the JSON Schema of an Mlfile, for editors; it comes from the types that decode one."""

import sys

import msgspec

from mlmake.cli.settings import Settings, command
from mlmake.mlfile.schema import MlfileTable


@command("schema")
def schema(settings: Settings) -> int:
    """Print the JSON Schema of an Mlfile.

    A first line `#:schema PATH` in the Mlfile lets editors use it.
    """
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Mlfile",
        **msgspec.json.schema(MlfileTable),
    }
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
    return 0
