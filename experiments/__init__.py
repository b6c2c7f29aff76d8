"""Experiments: one file per table or figure; each docstring holds its command and result."""
