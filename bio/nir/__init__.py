"""Exchange with other spiking libraries through NIR, the Neuromorphic Intermediate Representation.

Pedersen et al. 2024, Nature Communications 15:8122, doi 10.1038/s41467-024-52259-9. A NIR graph is in continuous time;
Euler's method at a time step of the user's choice makes it a `study.network.Network`. docs/methods.md, section NIR, has
the equation of every node and where other libraries differ. In Python: `bio.nir.importing.import_graph` and
`bio.nir.exporting.export_graph`.
"""
