"""The recorded cells, one by one: where each was and how reliable it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

# Upper limits of imaging depth in micrometres (included), layer. Depth is kept beside the layer, so that another
# assignment can be made. The limits are ours: they put the depths at which layer-specific Cre lines were imaged
# (de Vries et al. 2020) into the layers of these lines.
LAYER_LIMITS_UM = ((249.0, "layer23"), (350.0, "layer4"), (499.0, "layer5"), (np.inf, "layer6"))


AT = "@"  # what separates a site from a bin of time: VISp@50-100ms


def layer_of(depth_um: float) -> str:
    """Return the layer of an imaging depth, such as `layer4`; "" where the depth is unknown (NaN)."""
    return "" if np.isnan(depth_um) else next(name for limit, name in LAYER_LIMITS_UM if depth_um <= limit)


@dataclasses.dataclass(frozen=True)
class Units:
    """Facts about every unit, axes (unit,).

    Parameters
    ----------
    unit_id : int array
        Cell specimen or unit id of the Allen Institute.
    area : str array
        Such as `VISp`.
    layer : str array
        Such as `layer4`; "" where unknown (Neuropixels).
    depth_um : array
        Imaging depth below the pia in micrometres; NaN where unknown.
    cre_line : str array
        Such as `Cux2-CreERT2`; "" where cells were not selected by a gene.
    reliability : array
        Split-half reliability over stimuli, see `trials.cell_reliability`.
    session : int array
        Session, and so animal, in which the unit was recorded; -1 where unknown.
    site : str array, optional
        Which RDM a unit enters; area and layer by default, such as `VISp_layer4`. Of recordings cut in time with the bin,
        such as `VISp_layer4@7-14frames`; a unit then stands once for every bin.
    """

    unit_id: np.ndarray
    area: np.ndarray
    layer: np.ndarray
    depth_um: np.ndarray
    cre_line: np.ndarray
    reliability: np.ndarray
    session: np.ndarray
    site: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, str))

    def __post_init__(self) -> None:
        if not len(self.site):
            names = ["_".join(filter(None, pair)) for pair in zip(self.area, self.layer, strict=True)]
            object.__setattr__(self, "site", np.array(names, str))
        for field in dataclasses.fields(self):
            if len(getattr(self, field.name)) != len(self.unit_id):
                raise ValueError(
                    f"{field.name} is given for {len(getattr(self, field.name))} units, but there are "
                    f"{len(self.unit_id)}; give one value for each."
                )

    def __len__(self) -> int:
        return len(self.unit_id)

    def take(self, keep: np.ndarray) -> Units:
        """Return some of the units; `keep` is a mask or indices."""
        return Units(**{f.name: getattr(self, f.name)[keep] for f in dataclasses.fields(self)})

    def variables(self) -> dict[str, tuple[str, np.ndarray]]:
        """Return the fields as netCDF variables named `unit_...`."""
        return {
            variable_name(f.name): ("unit", _stored(getattr(self, f.name))) for f in dataclasses.fields(self)
        }


def concatenated(parts: Sequence[Units]) -> Units:
    """Return the units of several parts, one after the other."""
    fields = [f.name for f in dataclasses.fields(Units)]
    return Units(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in fields})


def variable_name(field: str) -> str:
    """Return the name of a field in a recording file."""
    return field if field == "unit_id" else f"unit_{field}"


def _stored(values: np.ndarray) -> np.ndarray:
    return values.astype(object) if values.dtype.kind == "U" else values


def make_units(n: int, facts: Mapping[str, object]) -> Units:
    """Return n units of which all that `facts` does not name is unknown; single values stand for all units."""
    unknown: dict[str, object] = {
        "unit_id": np.arange(n),
        "area": "",
        "layer": "",
        "depth_um": np.nan,
        "cre_line": "",
        "reliability": np.nan,
        "session": -1,
    }
    filled = {k: np.broadcast_to(np.asarray(v), (n,)).copy() for k, v in {**unknown, **facts}.items()}
    return Units(**filled)


def read_units(dataset: xr.Dataset) -> Units | None:
    """Return the units of a recording file, None where it says nothing about them.

    Raises
    ------
    ValueError
        If some of the fields are there and others are not.
    """
    names = {f.name: variable_name(f.name) for f in dataclasses.fields(Units)}
    missing = [name for name in names.values() if name not in dataset]
    if len(missing) == len(names):
        return None
    if missing:
        raise ValueError(f"of what is said about units, {', '.join(missing)} is missing; record again.")
    values = {field: dataset[name].values for field, name in names.items()}
    return Units(**{k: v.astype(str) if v.dtype.kind in "OSU" else v for k, v in values.items()})
