"""A crowd of clients as a process of its own; it checks each answer against exactly the models that it names.

asking.py PORT CONNECTIONS REQUESTS FOLDER: the folder holds the models as DIGEST.pkl and rows.npy. Prints one JSON line
as soon as each connection has had an answer, and one with the counts at the end.
"""

import asyncio
import json
import pickle
import sys
from pathlib import Path

import numpy as np

FEW, MANY = 1, 64


async def main() -> None:
    port, connections, requests, folder = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    rows = np.load(folder / "rows.npy")
    asked = {size: request(rows[:size]) for size in (FEW, MANY)}
    left = iter(range(requests))
    expected: dict[str, np.ndarray] = {}
    told: dict[str, int] = {}
    first: set[int] = set()

    def offline(named: str) -> np.ndarray:
        if named not in expected:
            models = [pickle.loads((folder / f"{one.rpartition(':')[2]}.pkl").read_bytes()) for one in named.split()]
            expected[named] = np.mean([model.predict_proba(rows) for model in models], axis=0)
        return expected[named]

    async def ask(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in left:
            size = MANY if turn % 2 else FEW
            writer.write(asked[size])
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            answer = json.loads(await reader.readexactly(int(headers["content-length"])))
            assert head[0] == "HTTP/1.1 200 OK", (head, answer)
            named = headers["x-mlmake-models"]
            assert answer["parameters"]["models"] == named
            data = np.array(answer["outputs"][1]["data"]).reshape(size, -1)
            np.testing.assert_allclose(data, offline(named)[:size], rtol=0, atol=1e-12)
            told[named] = told.get(named, 0) + 1
            if number not in first:
                first.add(number)
                if len(first) == connections:
                    print(json.dumps("all"), flush=True)
        writer.close()

    await asyncio.gather(*map(ask, range(connections)))
    print(json.dumps(told), flush=True)


def request(rows: np.ndarray) -> bytes:
    tensor = {"name": "input", "datatype": "FP64", "shape": list(rows.shape), "data": rows.ravel().tolist()}
    body = json.dumps({"inputs": [tensor]}).encode()
    return b"POST /v2/models/tagger/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


asyncio.run(main())
