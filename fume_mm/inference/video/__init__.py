"""Clips and cameras: two streams on one clock, annotated."""
