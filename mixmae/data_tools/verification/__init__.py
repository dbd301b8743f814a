"""Verification of data sets (``mixmae check-data``)."""
