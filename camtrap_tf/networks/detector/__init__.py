"""A detector of whatever MegaDetector would box: animals, people and vehicles, without names."""
