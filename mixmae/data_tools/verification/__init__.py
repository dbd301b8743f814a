"""Verification of data sets."""
