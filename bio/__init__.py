"""Learned networks as Brian2 equations: transplant, simulation and verification."""
