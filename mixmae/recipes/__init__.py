"""From data and weights to the complete config of a run."""
