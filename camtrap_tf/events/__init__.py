"""Capture events: tables of them, the pictures they are made of, their records in shards."""
