"""Report of a run: one HTML file that opens offline."""
