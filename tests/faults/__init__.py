"""Fault injection tests of trainings."""
