"""Result files are whole or absent, whatever the disk does."""

import resource

import numpy as np
import pytest
import xarray as xr

from study.netcdf import read_group, write_groups


def groups(n):
    """Return two groups, one with values that compression cannot shrink."""
    noise = np.random.default_rng(0).integers(0, 2**16, n).astype(np.uint16)
    return {
        "/": xr.Dataset(coords={"stimulus": np.arange(3)}, attrs={"made": "here"}),
        "conv1": xr.Dataset({"counts": ("unit", noise)}),
    }


def test_groups_come_back(tmp_path):
    written = groups(5000)
    write_groups(tmp_path / "a.nc", written)
    for name, dataset in written.items():
        xr.testing.assert_identical(read_group(tmp_path / "a.nc", "groups", "make it", name), dataset)


@pytest.fixture
def small_disk():
    """Let no file grow beyond 50 kB, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path, small_disk):
    """HDF5 would end Python with a segmentation fault."""
    with pytest.raises(OSError, match=r"a.nc could not be written: File too large; free some space there or"):
        write_groups(tmp_path / "a.nc", groups(100_000))
    assert list(tmp_path.iterdir()) == []
    write_groups(tmp_path / "a.nc", groups(2000))
    assert read_group(tmp_path / "a.nc", "groups", "make it", "conv1").counts.shape == (2000,)
