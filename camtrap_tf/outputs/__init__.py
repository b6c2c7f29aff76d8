"""Foreign formats: one module each, pure functions on `Predictions`."""
