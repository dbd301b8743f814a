"""From data and weights to the whole config of a run."""
