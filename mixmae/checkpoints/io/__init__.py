"""Safe reading and atomic writing of checkpoint files."""
