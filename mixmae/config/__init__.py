"""Reading configs, their data paths and options; one-line error reports."""
