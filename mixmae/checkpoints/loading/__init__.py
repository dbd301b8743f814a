"""Strict loading of backbones, with a report of every key."""
