"""Prediction of pictures and shards, by one process or many."""
