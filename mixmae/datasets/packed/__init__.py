"""Images in tar shards and LMDB, with random access."""
