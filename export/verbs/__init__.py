"""Verbs of `camtrap` that export and ask exports: thin readers of flags."""
