"""Runner parts: hooks, loops, optimizers, FSDP and run manifests."""
