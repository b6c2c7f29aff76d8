"""Pictures: read from files, prepared for a network, set beside those of their event."""
