"""Metadata formats: one module each, all giving an event table."""
