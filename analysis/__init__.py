"""Comparison with mouse visual cortex: recordings, stimuli, RDMs, ceilings, inference, figures, report."""
