"""A client of TensorFlow Serving: REST or gRPC, several connections."""

import base64
import collections
import concurrent.futures
import http.client
import json
import logging
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from camtrap_tf.core import csv_text
from camtrap_tf.core.artifacts import PathLike, existing_folder, write_text
from camtrap_tf.core.errors import InputError
from camtrap_tf.core.extras import needed
from camtrap_tf.core.labels import UNKNOWN
from camtrap_tf.events.listing import shown
from camtrap_tf.pictures import files

log = logging.getLogger("camtrap")
TIMEOUT_SECONDS = 60.0
Answers = dict[str, np.ndarray]


class Client(Protocol):
    """Sends encoded pictures; safe to call from several threads."""

    def answer(self, encoded: Sequence[bytes]) -> Answers:
        """Answers by output name, one row per picture."""
        ...

    def close(self) -> None:
        """Closes its connections."""
        ...


def connect(server: str, model: str) -> Client:
    """A client for `http://HOST:PORT` (REST) or `grpc://HOST:PORT`.

    Raises:
        InputError: another address.
    """
    parts = urllib.parse.urlsplit(server)
    clients = {"http": RestClient, "https": RestClient, "grpc": GrpcClient}
    if parts.scheme not in clients or not parts.netloc:
        raise InputError(
            "a server is http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT",
            server,
            "TensorFlow Serving's ports are 8501 for REST and 8500 for gRPC.",
        )
    return clients[parts.scheme](parts, model)


class RestClient:
    """REST `:predict` with columns; connections are kept open and used again."""

    def __init__(self, address: urllib.parse.SplitResult, model: str):
        self._address = address
        self._idle: collections.deque[http.client.HTTPConnection] = collections.deque()
        self._path = f"{address.path.rstrip('/')}/v1/models/{model}:predict"

    def answer(self, encoded: Sequence[bytes]) -> Answers:
        """Answers by output name, one row per picture."""
        column = [{"b64": base64.b64encode(content).decode()} for content in encoded]
        body = {"signature_name": "serving_default", "inputs": {"image_bytes": column}}
        status, content = self._post(json.dumps(body).encode())
        if status != 200:
            raise _refused(self._address.geturl(), f"{status}: {content[:300]!r}")
        outputs = json.loads(content)["outputs"]
        return {name: _array(values) for name, values in outputs.items()}

    def close(self) -> None:
        """Closes its connections."""
        while self._idle:
            self._idle.pop().close()

    def _post(self, body: bytes) -> tuple[int, bytes]:
        try:
            connection = self._idle.pop()
        except IndexError:
            kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
            kind = kinds[self._address.scheme]
            connection = kind(self._address.netloc, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", self._path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.status, response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _refused(self._address.geturl(), repr(error)) from error
        self._idle.append(connection)
        return answer


class GrpcClient:
    """gRPC `PredictionService.Predict`."""

    def __init__(self, address: urllib.parse.SplitResult, model: str):
        with needed("serving", "a server at grpc://"):
            import grpc
            from tensorflow_serving.apis import prediction_service_pb2_grpc

        self._address, self._model = address, model
        limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.insecure_channel(address.netloc, limits)
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)

    def answer(self, encoded: Sequence[bytes]) -> Answers:
        """Answers by output name, one row per picture."""
        import tensorflow as tf

        with needed("serving", "a server at grpc://"):
            import grpc
            from tensorflow_serving.apis import predict_pb2

        request = predict_pb2.PredictRequest()
        request.model_spec.name = self._model
        request.model_spec.signature_name = "serving_default"
        column = tf.make_tensor_proto(list(encoded), tf.string, [len(encoded)])
        request.inputs["image_bytes"].CopyFrom(column)
        try:
            response = self._stub.Predict(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            raise _refused(self._address.geturl(), error.details() or "no reason given") from error
        return {name: _text(tf.make_ndarray(proto)) for name, proto in response.outputs.items()}

    def close(self) -> None:
        """Closes its connections."""
        self._channel.close()


def predict_folder(
    folder: PathLike, client: Client, out: PathLike, connections: int = 8, batch_size: int = 8
) -> int:
    """Sends every picture below a folder and writes the answers as CSV, a row per picture.

    Returns:
        Number of pictures that the server could not read (`valid` is False).

    Raises:
        InputError: no such folder, no picture in it, or the server refuses.
    """
    root = existing_folder(folder, "a folder of pictures")
    paths = list(files.find(root))
    if not paths:
        raise InputError("a folder of pictures holds pictures", str(root), "Check the folder.")
    batches = [paths[i : i + batch_size] for i in range(0, len(paths), batch_size)]

    def ask(batch: list[str]) -> Answers:
        return client.answer([_content(root / path) for path in batch])

    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        answers = pool.map(ask, batches)
        rows = [
            row
            for batch, answer in zip(batches, answers, strict=True)
            for row in _rows(batch, answer)
        ]
    write_text(out, _csv(rows))
    bad = sum(not row["valid"] for row in rows)
    log.info("wrote %s: %d pictures, %d of them unreadable", out, len(rows), bad)
    return bad


def _content(path: Path) -> bytes:
    """A picture's bytes; none where it cannot be read, which the server says then."""
    try:
        return files.read_bytes(path)
    except files.PictureError as error:
        log.warning("%s: %s", path, error)
        return b""


def _rows(paths: Iterable[str], answers: Answers) -> Iterator[dict]:
    unknown = answers.get(UNKNOWN, np.zeros(len(answers["valid"]), bool))
    scalars = [name for name, values in sorted(answers.items()) if values.ndim == 1]
    for row, path in enumerate(paths):
        yield {
            "path": shown(path),
            "species": UNKNOWN if unknown[row] else answers["top_species"][row][0],
            "species_probability": float(answers["top_probabilities"][row][0]),
            **{name: answers[name].tolist()[row] for name in scalars},
        }


def _csv(rows: list[dict]) -> str:
    return csv_text.text([list(rows[0]), *(list(row.values()) for row in rows)])


def _array(values: list) -> np.ndarray:
    array = np.asarray(values)
    return array.astype(np.float32) if array.dtype == np.float64 else _text(array)


def _text(values: np.ndarray) -> np.ndarray:
    """Strings as Python text, everything else as it is."""
    if values.dtype.kind not in "OSU":
        return values
    flat = [v.decode() if isinstance(v, bytes) else v for v in values.ravel().tolist()]
    return np.array(flat, object).reshape(values.shape)


def _refused(server: str, why: str) -> InputError:
    return InputError(f"{server} answers", why, "Check address, model name and the server's log.")
