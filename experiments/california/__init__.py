"""Experiments on real pictures of one Californian station."""
