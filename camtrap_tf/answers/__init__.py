"""What a network said and what it is worth: predictions, metrics, calibration, plans."""
