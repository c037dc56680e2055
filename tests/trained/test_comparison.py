"""Tables of variants: means, spreads and changes over seeds, against values worked out by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from trained.__main__ import main
from trained.comparison import Measure, spread, table
from trained.evaluation import write_rows

FAD = {"a": (10.0, 14.0), "b": (9.0, 12.0), "c": (11.0,)}


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    rows: list[dict[str, object]] = []
    for variant, values in FAD.items():
        for seed, value in enumerate(values):
            run = {"model": f"steps/{variant}/seed-{seed}", "n": 5120}
            rows.append({**run, "measure": "FAD", "value": value, "detail": "legacy, batch 256, mnist"})
            rows.append({**run, "measure": "FAD", "value": 4 * value, "detail": "eval, mnist"})
            rows.append({**run, "measure": "energy", "value": 1 + seed, "detail": f"of {variant}"})
    write_rows(rows, tmp_path / "measures.csv")
    return tmp_path / "measures.csv"


def test_means_spreads_and_changes(measured: Path) -> None:
    lines = table([measured], [Measure("FAD", "legacy"), Measure("energy")], "previous")
    assert lines[0] == "| variant | seeds | FAD (legacy) | change | energy | change |"
    # differences of seeds 0 and 1 from a to b: -1 and -2; from b to c seed 0 alone has a partner
    assert lines[2:] == [
        "| steps/a | 2 | 12.0 ± 2.8 |  | 1.50 ± 0.71 |  |",
        "| steps/b | 2 | 10.5 ± 2.1 | -1.50 ± 0.71 | 1.50 ± 0.71 | +0 ± 0 |",
        "| steps/c | 1 | 11.00 | +2.000 | 1.000 | +0 |",
    ]


def test_changes_from_one_variant(measured: Path) -> None:
    *_, b, c = table([measured], [Measure("FAD", "eval")], "steps/a")
    assert b == "| steps/b | 2 | 42.0 ± 8.5 | -6.0 ± 2.8 |"
    assert c == "| steps/c | 1 | 44.00 | +4.000 |"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--measure", "FAD"], "steps/a/seed-0 has several rows of FAD: eval, mnist; legacy, batch 256"),
        (["--measure", "FDA: legacy"], "unknown measure 'FDA': did you mean 'FAD'?"),
        (["--measure", "energy", "--against", "steps/z"], "unknown --against 'steps/z'"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], message: str, measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", str(measured), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_details_are_whole_words(tmp_path: Path) -> None:
    rows = [
        {"model": "a/b/seed-0", "measure": "distance", "value": t, "n": 1, "detail": f"step {t}"}
        for t in (1, 16)
    ]
    write_rows(rows, tmp_path / "steps.csv")
    assert table([tmp_path / "steps.csv"], [Measure("distance", "step 1")])[-1] == "| a/b | 1 | 1.000 |"


def test_large_values_have_no_exponent() -> None:
    assert spread([1_443_000.0, 1_445_000.0]) == "1,444,000 ± 1,414"
    assert spread([-130.0], sign=True) == "-130.0"


def test_another_table_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rsa.csv").write_text("model,score\na,1\n")
    assert main(["table", str(tmp_path / "rsa.csv"), "--measure", "FAD"]) == 2
    assert "has no column 'measure'" in capsys.readouterr().err


def test_the_command_prints_the_table(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["table", str(measured), "--measure", "FAD: legacy, batch 256"]) == 0
    assert "| steps/a | 2 | 12.0 ± 2.8 |" in capsys.readouterr().out
