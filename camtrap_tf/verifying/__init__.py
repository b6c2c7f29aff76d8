"""Whether artefacts are what was written, by their checksums; no TensorFlow."""
