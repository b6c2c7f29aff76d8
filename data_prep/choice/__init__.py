"""Which events go where: selection, splits, statistics, lint."""
