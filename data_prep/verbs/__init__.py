"""Verbs of `camtrap` that prepare data: thin readers of flags."""
