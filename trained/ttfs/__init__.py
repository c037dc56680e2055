"""Time to first spike: neurons that fire at most once, trained on the times of their spikes."""
