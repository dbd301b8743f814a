"""The manifest of a run: what a resume must find again."""
