"""TensorFlow Serving: client, warm-up, a conformance server for tests, a compose file."""
