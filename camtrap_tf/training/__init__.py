"""Training: the loop, its losses and schedules."""
