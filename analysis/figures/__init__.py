"""Figures: one function in one file each, drawn from saved results only."""
