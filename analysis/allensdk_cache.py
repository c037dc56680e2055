"""Sessions of the Allen Institute on this machine: asked for by id, downloaded once, whole and unchanged, or an error.

allensdk knows where a session's file is and in which folder it belongs. Its own download starts again after every
interruption and takes what came for the file, so the bytes are fetched here: with resume and retries, up to the size
that the server promises, and only as a whole HDF5 (or zip) file. The SHA-256 is noted when a file arrives and compared
whenever it is used again.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from analysis.nwb import open_nwb
from study.commands import one_line
from study.download import download_unverified, require_remembered_sha256
from study.files import locked, sha256, write_text
from study.manifest import cache_folder

RECORD = "sha256.json"


class _Absent(Exception):
    """The Allen Institute knows no such file."""


def require_allensdk(name: str) -> ModuleType:
    """Return the module `allensdk.NAME`.

    Raises
    ------
    ValueError
        If allensdk is not installed or cannot be imported.
    """
    try:
        with warnings.catch_warnings():  # it warns about the setuptools that it needs
            warnings.simplefilter("ignore")
            return importlib.import_module(f"allensdk.{name}")
    except ImportError as error:
        cause = "is not installed" if error.name == "allensdk" else f"cannot be imported ({one_line(error)})"
        raise ValueError(
            f"allensdk {cause}: `pip install -c constraints.txt -e '.[allen]'` brings it (Python 3.11, numpy below 1.24); "
            "NWB files that are at hand are read without it, with --nwb FILE."
        ) from error


def default_cache() -> Path:
    """Return the folder of downloaded sessions: `allen` in the cache of the data manifest."""
    return cache_folder() / "allen"


def fetch_2p(experiment: int, folder: Path, events: bool = False) -> tuple[Path, Path | None]:
    """Return the NWB file of a 2-photon experiment, and that of its events if asked for; download what lacks.

    Parameters
    ----------
    experiment : int
    folder : path
        Where allensdk keeps its manifest and files.
    events : bool

    Raises
    ------
    ValueError
        If allensdk is absent, there is no such experiment or network, or a file came damaged.
    """
    module = require_allensdk("core.brain_observatory_cache")
    with _asking(experiment, "2-photon experiment"):
        cache = module.BrainObservatoryCache(manifest_file=str(folder / "boc" / "manifest.json"))
        nwb = Path(cache.get_cache_path(None, cache.EXPERIMENT_DATA_KEY, experiment))
        npz = Path(cache.get_cache_path(None, cache.EVENTS_DATA_KEY, experiment))

    def link(query: str) -> Callable[[], str]:
        return lambda: _2p_link(cache.api, query, experiment)

    _get(nwb, link("ophys_experiment_data"), folder, experiment, "2-photon experiment", check_hdf5)
    if not events:
        return nwb, None
    _get(npz, link("ophys_events_file"), folder, experiment, "2-photon experiment", check_npz)
    return nwb, npz


def _2p_link(api: Any, query: str, experiment: int) -> str:
    found = api.template_query("brain_observatory_queries", query, ophys_experiment_id=experiment)
    if not found:
        raise _Absent
    return f"{api.api_url}{found[0]['download_link']}"


def fetch_neuropixels(session: int, folder: Path) -> Path:
    """Return the NWB file of a Neuropixels session; download it if it lacks. Errors as `fetch_2p`."""
    module = require_allensdk("brain_observatory.ecephys.ecephys_project_cache")
    with _asking(session, "Neuropixels session"):
        cache = module.EcephysProjectCache.from_warehouse(manifest=str(folder / "ecephys" / "manifest.json"))
        path = Path(cache.get_cache_path(None, cache.SESSION_NWB_KEY, session, session))
    _get(path, lambda: _neuropixels_link(cache, session), folder, session, "Neuropixels session", check_hdf5)
    return path


def _neuropixels_link(cache: Any, session: int) -> str:
    engine = cache.fetch_api.rma_engine
    query = (
        "criteria=model::WellKnownFile,rma::criteria,well_known_file_type[name$eq'EcephysNwb']"
        f"[attachable_type$eq'EcephysSession'][attachable_id$eq{session}]"
    )
    found = engine.get_rma_list(query)
    if not found:
        raise _Absent
    return f"{engine.scheme}://{engine.host}{found[0]['download_link']}"


@contextlib.contextmanager
def _asking(number: int, what: str) -> Iterator[None]:
    """Turn what goes wrong while the Allen Institute is asked into one sentence."""
    try:
        yield
    except _Absent as error:
        raise ValueError(
            f"there is no {what} {number}, or it has no file: look the id up at observatory.brain-map.org or with "
            "allensdk's tables of sessions."
        ) from error
    except Exception as error:  # requests, urllib3 and simplejson raise what they like
        raise ValueError(
            f"cannot ask the Allen Institute for the {what} {number} ({type(error).__name__}); check the network, then "
            "run the same command again, or give a downloaded file with --nwb."
        ) from error


def _get(
    path: Path,
    link: Callable[[], str],
    folder: Path,
    number: int,
    what: str,
    check: Callable[[Path], None],
) -> None:
    """Put the file at `path` unless it is there, and check that it is the one that once arrived."""
    record = folder / RECORD
    with locked(folder / ".lock"):  # two processes would write to the same partial file
        if not path.exists():
            with _asking(number, what):
                url = link()
            download_unverified(url, path, check)
            _note(record, path)
    known = _noted(record).get(str(path))
    if known is None:  # put there by hand or by allensdk
        check(path)
        _note(record, path)
        return
    causes = "a failing disk or an edit; remove the file and run the same command again"
    require_remembered_sha256(path, known, causes, folder / "verified.json")


def _noted(record: Path) -> dict[str, str]:
    try:
        return dict(json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _note(record: Path, path: Path) -> None:
    write_text(record, json.dumps({**_noted(record), str(path): sha256(path)}, indent=1))


def check_hdf5(path: Path) -> None:
    """Raise ValueError unless HDF5 finds the file whole."""
    with open_nwb(path):
        pass


def check_npz(path: Path) -> None:
    """Raise ValueError unless the file is a whole npz archive with `ev`."""
    try:
        with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as file:
            file["ev"]
    except Exception as error:
        raise ValueError(
            f"{path} is no whole file of events ({one_line(error)}); download it again."
        ) from error
