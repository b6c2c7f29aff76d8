"""One script per claim of speed or size, each against a named peer or limit."""
