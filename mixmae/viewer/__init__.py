"""Viewer of pretrained networks: a local page in the browser."""
