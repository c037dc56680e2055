"""Spiking image generators that learn: torch models, training, metrics and export."""
