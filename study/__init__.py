"""What the three packages share: network descriptions, data manifest, provenance, run folders, safe files."""
