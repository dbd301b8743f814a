"""What trains a model: hooks, optimizers, launching, pictures."""
