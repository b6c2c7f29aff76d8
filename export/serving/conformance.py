"""A small stand-in for TensorFlow Serving, for tests and for trying a client.

Speaks what the clients use of its two interfaces: gRPC `PredictionService.Predict` on the
official stubs, and REST `POST /v1/models/NAME[/versions/N]:predict` with `inputs` (columns) or
`instances` (rows), `{"b64": ...}` for bytes, and `GET /v1/models/NAME`. No batching across
requests, no metadata, no several models.

    python -m export.serving.conformance EXPORT/saved_model
"""

import base64
import concurrent.futures
import contextlib
import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import tensorflow as tf

from camtrap_tf.core.artifacts import PathLike
from camtrap_tf.core.extras import needed

with needed("serving", "the stand-in server"):
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


class Model:
    """The highest version below a model's folder."""

    def __init__(self, folder: PathLike, name: str = "camtrap"):
        versions = [int(path.name) for path in Path(folder).iterdir() if path.name.isdigit()]
        self.name, self.version = name, max(versions)
        self._loaded = tf.saved_model.load(str(Path(folder) / str(self.version)))

    def predict(self, name: str, version: int, signature: str, inputs: dict) -> dict:
        """Outputs by name.

        Raises:
            LookupError: another model or version.
            ValueError: no such signature, or inputs that do not fit it.
        """
        if name != self.name or version not in (0, self.version):
            raise LookupError(f"Servable not found for request: Specific({name}, {version})")
        function = self._loaded.signatures.get(signature or "serving_default")
        if function is None:
            raise ValueError(f"Serving signature name {signature!r} not found in signature def")
        specs = function.structured_input_signature[1]
        if set(specs) != set(inputs):
            raise ValueError(f"input names are {sorted(specs)}, not {sorted(inputs)}")
        given = {key: tf.constant(value, specs[key].dtype) for key, value in inputs.items()}
        return {key: value.numpy() for key, value in function(**given).items()}


class _Grpc(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model: Model):
        self._model = model

    def Predict(self, request, context):
        spec = request.model_spec
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        try:
            outputs = self._model.predict(
                spec.name, spec.version.value, spec.signature_name, inputs
            )
        except LookupError as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except (ValueError, TypeError, tf.errors.OpError) as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        response = predict_pb2.PredictResponse(model_spec=spec)
        for name, values in outputs.items():
            response.outputs[name].CopyFrom(tf.make_tensor_proto(values))
        return response


class _Rest(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes
    model: Model

    def do_GET(self):
        if self.path != f"/v1/models/{self.model.name}":
            return self._reply(404, {"error": f"not found: {self.path}"})
        state = {"version": str(self.model.version), "state": "AVAILABLE"}
        return self._reply(200, {"model_version_status": [state]})

    def do_POST(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        target, _, verb = self.path.removeprefix("/v1/models/").partition(":")
        name, _, version = target.partition("/versions/")
        if verb != "predict":
            return self._reply(400, {"error": f"Malformed request: POST {self.path}"})
        try:
            body = json.loads(content)
            inputs, key = _inputs(body)
            signature = body.get("signature_name", "")
            outputs = self.model.predict(name, int(version or 0), signature, inputs)
        except LookupError as error:
            return self._reply(404, {"error": str(error)})
        except (ValueError, TypeError, tf.errors.OpError) as error:
            return self._reply(400, {"error": str(error)})
        columns = {name: _plain(values) for name, values in outputs.items()}
        if key == "outputs":
            return self._reply(200, {key: columns})
        rows = zip(*columns.values(), strict=True)
        return self._reply(200, {key: [dict(zip(columns, row, strict=True)) for row in rows]})

    def _reply(self, status: int, body: dict) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format, *args):
        """Stays silent."""


def _inputs(body: dict) -> tuple[dict, str]:
    if "inputs" in body:
        return {name: _decoded(values) for name, values in body["inputs"].items()}, "outputs"
    rows = body.get("instances")
    if not isinstance(rows, list) or not rows:
        raise ValueError("Missing 'inputs' or 'instances' key")
    return {name: [_decoded(row[name]) for row in rows] for name in rows[0]}, "predictions"


def _decoded(value):
    if isinstance(value, dict):
        return base64.b64decode(value["b64"], validate=True)
    return [_decoded(item) for item in value] if isinstance(value, list) else value


def _plain(values: np.ndarray) -> list:
    if values.dtype == object:
        flat = [value.decode() for value in values.ravel()]
        return np.array(flat, object).reshape(values.shape).tolist()
    return values.tolist()


@contextlib.contextmanager
def serving(folder: PathLike, name: str = "camtrap", workers: int = 8) -> Iterator[tuple[str, str]]:
    """Serves a model's folder on free ports of this machine; yields the REST and gRPC address."""
    model = Model(folder, name)
    handler = type("Handler", (_Rest,), {"model": model})
    rest = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(workers), options=limits)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Grpc(model), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{rest.server_port}", f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
        rest.shutdown()
        rest.server_close()


def main(arguments: list[str]) -> None:
    """Serves until interrupted."""
    with serving(arguments[0]) as addresses, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(" ".join(addresses) + "\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1:])
