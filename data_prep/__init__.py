"""From metadata and pictures to an event table and shards."""
