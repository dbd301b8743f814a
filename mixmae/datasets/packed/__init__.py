"""Images in tar shards, with random access."""
