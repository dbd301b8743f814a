"""Looks at a data set on disk and says what is wrong with it."""
