"""Basic layers; they need torch only."""
