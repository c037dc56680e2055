"""Recording source `sites`: ready RDMs of 21 sites (area by layer) of mouse visual cortex."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from analysis.inclusion import excluded
from analysis.recording_file import Recording
from study.provenance import provenance

ITEM = "allen-site-similarity"
CITATION = (
    "Conwell et al. 2021 (NeurIPS), from de Vries et al. 2020, doi 10.1038/s41593-019-0550-9, (c) Allen Institute; "
    "non-commercial use."
)
GRAY = -1
NEEDED = ("site", "similarity", "n_reliable_cells", "rdm_split_half_sb", "condition")


def dropped_sites() -> dict[str, str]:
    """Return the sites that are left out, with the reason."""
    return excluded("site")


def load_sites(path: str | Path, gray: bool = False, keep_all: bool = False) -> Recording:
    """Read the site similarities: dissimilarity = 1 - Pearson correlation over cells.

    Parameters
    ----------
    path : path
    gray : bool
        Keep the gray screen.
    keep_all : bool
        Keep the sites that `inclusion.csv` leaves out as well.

    Raises
    ------
    ValueError
        If the file lacks something.
    """
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in NEEDED if name not in file.files]
        if missing:
            raise ValueError(f"{path} has no {', '.join(missing)}; take the file again.")
        data = {name: file[name] for name in NEEDED}
    left_out = {} if keep_all else dropped_sites()
    sites = ~np.isin(data["site"], list(left_out))
    frames = np.ones(len(data["condition"]), bool) if gray else data["condition"] != GRAY
    facts = provenance({"gray": gray}, {"recording": path})
    facts.update(
        source="sites", simulated="false", citation=CITATION, distance="correlation", gray=str(gray).lower()
    )
    facts["dropped_sites"] = "; ".join(f"{site} ({reason})" for site, reason in left_out.items())
    facts["response"] = "2-photon, deconvolved events, mean of 50 repeats, cells with split-half r >= 0.75"
    return Recording(
        site=data["site"][sites],
        stimulus=data["condition"][frames].astype(np.int64),
        dissimilarity=1 - data["similarity"][sites][:, frames][:, :, frames],
        ceiling=data["rdm_split_half_sb"][sites].astype(np.float64),
        n_cells=data["n_reliable_cells"][sites],
        attributes=facts,
    )
