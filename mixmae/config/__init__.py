"""Reading configs, the data paths in them, one-line error reports."""
