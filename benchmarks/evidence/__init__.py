"""A resumable campaign of pretrainings and fine-tunings, and its table."""
