"""One script per speed claim, against a named peer or limit, as a ratio in one run."""
