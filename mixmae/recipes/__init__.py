"""Recipes: complete configs of runs, derived from data and weights."""
