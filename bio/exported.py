"""Networks that `python -m trained export` wrote, found in run folders."""

from __future__ import annotations

from pathlib import Path

from study.files import require_file, sha256
from study.network import ROLES, Network, load_network


def network_path(run: Path, role: str | None) -> Path:
    """Return the network file that RUN means: itself, or the one of `role` in the run folder.

    Raises
    ------
    ValueError
        If RUN is a folder and no role is given.
    FileNotFoundError
        If there is no such file or folder.
    """
    if not run.is_dir():
        return require_file(
            run, "network", "give a run folder or a file that `python -m trained export` wrote"
        )
    if role is None:
        raise ValueError(f"{run} is a run folder; say which network with --network {' or '.join(ROLES)}.")
    return require_file(run / f"{role}.safetensors", role, f"write it with `python -m trained export {run}`")


def roles_in(run: Path) -> list[str]:
    """Return the roles of the networks that were exported to a run folder.

    Raises
    ------
    ValueError
        If there is none.
    """
    roles = [role for role in ROLES if (run / f"{role}.safetensors").exists()]
    if not roles:
        raise ValueError(
            f"{run} holds no exported network ({', '.join(f'{role}.safetensors' for role in ROLES)}); "
            f"write them with `python -m trained export {run}`."
        )
    return roles


def load_role(run: Path, role: str | None) -> tuple[Network, Path]:
    """Return (network, its file) after checking that the file holds the role asked for."""
    path = network_path(run, role)
    try:
        network = load_network(path)
    except ValueError as error:  # of one of its parts, which does not know its file
        raise error if str(path) in str(error) else ValueError(f"{path}: {error}") from error
    if role is not None and network.role != role:
        raise ValueError(f"{path} holds a {network.role}, but --network says {role}; give the other file.")
    if run.is_dir():
        check_fresh(network, run)
    return network, path


def load_spec(path: str | Path, network: str | None = None) -> Network:
    """Read the description of a network: layers, weights, neurons, what it is shown and how it is decoded.

    Parameters
    ----------
    path : path
        A file that `python -m trained export` wrote, or a run folder.
    network : "generator", "critic", "encoder" or "classifier", optional
        Which of a run folder's networks.

    Returns
    -------
    study.network.Network

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, it is damaged or stale, or a folder is given without saying which network.

    Examples
    --------
    >>> spec = bio.load_spec("runs/quick-digits/sgad/seed-0", "generator")
    >>> brian = bio.build_network(spec, latents, level="lif")
    """
    return load_role(Path(path), network)[0]


def check_fresh(network: Network, run: Path) -> None:
    """Raise ValueError if the run folder holds another model than the one `network` was exported from."""
    model = run / "model.safetensors"
    if not model.exists():  # exports may travel alone
        return
    recorded, found = network.provenance.get("model_sha256", "nothing"), sha256(model)
    if recorded != found:
        raise ValueError(
            f"the {network.role} in {run} was exported from a model with sha256 {recorded[:12]}, but {model} has "
            f"{found[:12]}; export it again with `python -m trained export {run}`."
        )
