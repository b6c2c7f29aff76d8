"""Experiments beyond the paper's tables and figures."""
