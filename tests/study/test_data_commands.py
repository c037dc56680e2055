from pathlib import Path

import pytest

from study.__main__ import main
from tests.study.conftest import Checkout, entry

CONTENT = b"some data" * 100


def put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / "things" / f"{name}.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_commands(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.describe(entry("here", CONTENT, group="both"), entry("gone", CONTENT, group="both"))
    path = put(checkout.shared, "here", CONTENT)
    assert main(["data", "list", "both"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[1:] == [
        ["here", "both", "900", "local", "tests"],
        ["gone", "both", "900", "absent", "tests"],
    ]
    assert main(["data", "verify"]) == 0
    out = capsys.readouterr().out
    assert f"whole: here: {path}" in out
    assert "absent: gone (get them with `python -m study data fetch NAME`)" in out
    assert main(["data", "fetch", "here"]) == 0
    assert capsys.readouterr().out == f"here: {path}\n"


def test_commands_on_a_damaged_file(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.describe(entry("thing", CONTENT))
    path = put(checkout.shared, "thing", b"damaged")
    assert main(["data", "verify", "thing"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith(f"damaged: thing: {path} has the wrong SHA-256: expected")
    assert captured.out == "0 whole, 1 damaged, 0 absent\n"
    assert main(["data", "list"]) == 0
    assert "local (wrong size)" in capsys.readouterr().out
    assert main(["data", "fetch", "thing"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_commands_with_a_wrong_name(checkout: Checkout, capsys: pytest.CaptureFixture[str]) -> None:
    checkout.describe(entry("thing", CONTENT))
    for action in ("list", "fetch", "verify"):
        assert main(["data", action, "thin"]) == 2
        assert capsys.readouterr().err == (
            "error: unknown data set 'thin': did you mean 'thing'? allowed are thing.\n"
        )
    with pytest.raises(SystemExit) as leaving:
        main(["data", "fetch"])
    assert leaving.value.code == 2
    assert "the following arguments are required: NAME" in capsys.readouterr().err
