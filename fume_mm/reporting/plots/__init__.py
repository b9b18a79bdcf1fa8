"""Matplotlib figures of runs and campaigns, from plain numbers."""
