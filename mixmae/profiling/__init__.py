"""FLOPs, memory and throughput of a training."""
