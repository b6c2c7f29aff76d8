"""Event tables and pictures to TFRecord shards."""
