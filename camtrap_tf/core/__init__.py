"""What every room stands on: errors, artefacts on disk, labels, configuration."""
