"""Decoding, cropping and resizing of image files."""
