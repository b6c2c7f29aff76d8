"""A client against the conformance server: errors, equality with local answers, time.

    python -m benchmarks.serving EXPORT/saved_model PICTURES [--requests=1000]

Sends `--requests` requests of one picture over 8 connections, REST and then gRPC, compares every
answer with the same SavedModel called in this process (the server runs in another one), and
prints requests per second beside the bare local calls, one at a time.

The server is `export.serving.conformance`, not TensorFlow Serving: the rate says what client and
protocol cost around the networks, not what TensorFlow Serving reaches.

Result (`edge`, then `resnet18` on 96 pixels; 256-pixel JPEGs, two processors of their own):

    local calls, one at a time: 54.8/s
    http  1000 requests, 8 connections: 0 errors, largest difference 0.0e+00, 49.4/s
    grpc  1000 requests, 8 connections: 0 errors, largest difference 0.0e+00, 69.2/s
"""

import argparse
import concurrent.futures
import itertools
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

CONNECTIONS = 8


def main() -> None:
    """Prints a row per interface."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--distinct", type=int, default=50, help="different pictures")
    values = parser.parse_args()
    import tensorflow as tf

    from camtrap_tf.pictures import files

    paths = itertools.islice(files.find(values.pictures), values.distinct)
    contents = [(values.pictures / path).read_bytes() for path in paths]
    version = max(values.model.iterdir(), key=lambda path: int(path.name))
    local = tf.saved_model.load(str(version)).signatures["serving_default"]
    local(image_bytes=tf.constant(contents[:1]))
    start = time.perf_counter()
    expected = [
        {name: value.numpy() for name, value in local(image_bytes=tf.constant([content])).items()}
        for content in contents
    ]
    rate = len(contents) / (time.perf_counter() - start)
    print(f"load {os.getloadavg()[0]:.1f}; local calls, one at a time: {rate:.1f}/s")
    command = [sys.executable, "-m", "export.serving.conformance", str(values.model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        addresses = server.stdout.readline().split()
        for address in addresses:
            report(address, contents, expected, values.requests)
        server.terminate()


def report(address: str, contents: list[bytes], expected: list[dict], requests: int) -> None:
    """Sends the requests and prints what came back."""
    from camtrap_tf.core.errors import InputError
    from export.serving.client import connect

    client = connect(address, "camtrap")

    def ask(number: int) -> tuple[bool, float]:
        index = number % len(contents)
        try:
            answer = client.answer([contents[index]])
        except InputError as error:
            print(error)
            return False, np.nan
        return True, difference(expected[index], answer)

    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        done = list(pool.map(ask, range(requests)))
    seconds = time.perf_counter() - start
    client.close()
    errors = sum(not good for good, _ in done)
    worst = max(value for _, value in done)
    kind = address.split(":")[0]
    print(
        f"{kind:<5} {requests} requests, {CONNECTIONS} connections: {errors} errors, "
        f"largest difference {worst:.1e}, {requests / seconds:.1f}/s"
    )


def difference(expected: dict, answer: dict) -> float:
    """Largest difference of a number; infinite where names, texts or flags differ."""
    worst = 0.0 if set(expected) == set(answer) else np.inf
    for name, values in expected.items():
        if values.dtype == np.float32:
            worst = max(worst, float(np.abs(values - answer[name]).max()))
        else:
            texts = [v.decode() if isinstance(v, bytes) else v for v in values.ravel().tolist()]
            worst = worst if texts == answer[name].ravel().tolist() else np.inf
    return worst


if __name__ == "__main__":
    main()
