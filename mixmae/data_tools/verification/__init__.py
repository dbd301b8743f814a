"""Verification of datasets."""
