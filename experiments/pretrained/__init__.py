"""What networks that have seen a million other pictures are worth on real pictures."""
