"""netCDF files on disk: written whole or not at all, errors in one sentence."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import h5netcdf
import numpy as np
import xarray as xr
from xarray.backends import H5NetCDFStore

from study.files import replacing, require_file

COMPRESSION = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


def write_groups(path: str | Path, groups: Mapping[str, xr.Dataset]) -> None:
    """Write datasets to one netCDF file.

    Parameters
    ----------
    path : path
    groups : mapping of group name to dataset
        "/" is the root group.

    Raises
    ------
    OSError
        If the disk is full.
    """
    # In memory first, compressed: HDF5 ends Python with a segmentation fault where a disk is full.
    content = io.BytesIO()
    with h5netcdf.File(content, "w") as file:
        for name, dataset in groups.items():
            big = {v: COMPRESSION for v in dataset.data_vars if dataset[v].size > 1000}
            group = file if name == "/" else file.create_group(name)
            dataset.dump_to_store(H5NetCDFStore(group), encoding=big)
    with replacing(path) as temporary:
        try:
            temporary.write_bytes(content.getbuffer())
        except OSError as error:
            raise OSError(
                f"{path} could not be written: {error.strerror}; free some space there or choose another disk."
            ) from error


def read_group(path: str | Path, what: str, hint: str, group: str = "/") -> xr.Dataset:
    """Read one group of a netCDF file into memory.

    Parameters
    ----------
    path : path
    what, hint : str
        What the file is and how to make it, for error messages.
    group : str

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not a whole netCDF file or has no such group.
    """
    path = require_file(path, what, hint)
    try:
        with xr.open_dataset(path, group=None if group == "/" else group, engine="h5netcdf") as dataset:
            return dataset.load()
    except (OSError, KeyError, ValueError) as error:
        place = "" if group == "/" else f" with a group {group!r}"
        raise ValueError(f"{what}: {path} is not a whole netCDF file{place}; {hint}.") from error


def require_variable(dataset: xr.Dataset, name: str, dims: tuple[str, ...], path: str | Path) -> np.ndarray:
    """Return a variable's values after checking that it is there, has these axes and holds no NaN.

    Raises
    ------
    ValueError
        Naming the file, the variable and what is wrong.
    """
    if name not in dataset:
        raise ValueError(
            f"{path} has no variable {name!r}; it holds {', '.join(map(str, dataset.variables))}."
        )
    if dataset[name].dims != dims:
        raise ValueError(f"{path}: {name} has the axes {dataset[name].dims}; {dims} are needed.")
    values = dataset[name].values
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{path}: {name} holds {int((~np.isfinite(values)).sum())} NaN or infinite values.")
    return values
