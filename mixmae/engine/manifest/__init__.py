"""Manifest of a run: the state that a resume needs."""
