"""The report's RDM explorer: its numbers are those of the files, in a real browser where there is one."""

from __future__ import annotations

import base64
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from analysis.__main__ import main
from analysis.explorer import UNDEFINED, explorer_data
from analysis.results import Results
from study.stimuli import load_stimuli, save_stimuli
from tests.analysis.synthetic import make_results

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("results"))


def unpacked(matrix: dict) -> np.ndarray:
    steps = np.frombuffer(base64.b64decode(matrix["pairs"]), "<u2").astype(float)
    values = matrix["low"] + steps / (UNDEFINED - 1) * (matrix["high"] - matrix["low"])
    return np.where(steps == UNDEFINED, np.nan, values)


def test_every_matrix_is_there_to_sixteen_bits(toy: Path) -> None:
    results, data = Results(toy), explorer_data(Results(toy))
    expected = [*results.recording.dissimilarity]
    found = [m for m in data["matrices"] if m["group"] == "recording"]
    assert [m["name"] for m in found] == list(results.recording.site)
    expected += [m.matrix for m in sorted(results.rdms, key=lambda m: not m.is_baseline)]
    assert data["omitted"] == 0
    for packed, matrix in zip(data["matrices"], expected, strict=True):
        pairs = matrix[np.triu_indices(len(matrix), 1)]
        np.testing.assert_allclose(
            unpacked(packed), pairs, atol=1.01 * (np.nanmax(pairs) - np.nanmin(pairs)) / 2**16
        )
    assert sorted(data["order"]) == list(range(len(data["stimulus"])))


def test_other_images_than_those_of_the_matrices_are_refused(toy: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(toy, tmp_path / "copy")
    stimuli = load_stimuli(copy / "stimuli.nc")
    stimuli.stimulus[0] = 77
    save_stimuli(stimuli, copy / "stimuli.nc")
    with pytest.raises(ValueError, match=r"the stimuli lack 1 of the images of rdms\.nc \(first: 0\)"):
        explorer_data(Results(copy))


# Sorts the table of means by score, downwards after upwards, then leaves the rows that hold two words.
TABLES = """
<script>
addEventListener("load", () => setTimeout(() => {
  const table = document.getElementById("table1"), shown = () => [...table.tBodies[0].rows].filter(row => !row.hidden);
  const header = [...table.tHead.rows[0].cells].find(cell => cell.textContent === "score"), k = header.cellIndex;
  const scores = () => shown().map(row => row.cells[k].textContent).join(",");
  const told = [];
  header.click(); told.push(scores());
  header.click(); told.push(scores());
  const input = document.querySelector('input[data-table="table1"]');
  input.value = "sgad CRITIC"; input.dispatchEvent(new Event("input"));
  told.push(shown().map(row => row.cells[0].textContent + " " + row.cells[2].textContent).join(","));
  told.push(document.getElementById("count1").textContent);
  told.push(document.documentElement.scrollWidth <= innerWidth ? "fits" : "too wide");
  document.body.textContent = "TOLD " + told.join("|") + " END";
}, 200));
</script>
"""
SCRIPT = """
<script>
addEventListener("load", () => setTimeout(() => {
  const at = name => document.getElementById("explorer-" + name);
  at("order").value = "id"; at("order").dispatchEvent(new Event("change"));
  const canvas = at("left-matrix"), box = canvas.getBoundingClientRect(), n = canvas.width;
  const point = (y, x) => canvas.dispatchEvent(new PointerEvent("pointermove", {
    clientX: box.left + (x + .5) / n * box.width, clientY: box.top + (y + .5) / n * box.height }));
  point(2, 5);
  const told = ["images", "left-value", "right-value", "rho"].map(name => at(name).textContent);
  told.push(at("first").toDataURL().length > 200 ? "drawn" : "empty");
  point(4, 4);  // the diagonal has no pair: nothing changes
  told.push(at("images").textContent);
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown" }));
  told.push(at("images").textContent);
  document.body.textContent = "TOLD " + told.join("|") + " END";
}, 200));
</script>
"""


def driven(toy: Path, folder: Path, script: str, width: int = 1400) -> list[str]:
    """Return what a script told that ran in the report, in a real browser."""
    assert main(["report", "--results", str(toy), "--out", str(folder / "report.html")]) == 0
    page = (folder / "report.html").read_text()
    (folder / "driven.html").write_text(page.replace("</body>", script + "</body>"))
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=10000"]
    command += [f"--window-size={width},1000", f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    command += [(folder / "driven.html").as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.split("TOLD ")[1].split(" END")[0].split("|")


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")
@pytest.mark.parametrize("width", [1400, 500])
def test_a_browser_sorts_and_filters(toy: Path, tmp_path: Path, width: int) -> None:
    up, down, rows, count, fits = driven(toy, tmp_path, TABLES, width)
    results = Results(toy)
    means = [row for row in results.table if row.site == results.mean_site]
    expected = sorted(row.score for row in means if np.isfinite(row.score))
    assert [float(text) for text in up.split(",") if text] == pytest.approx(expected, abs=6e-4)
    assert [float(text) for text in down.split(",") if text] == pytest.approx(expected[::-1], abs=6e-4)
    n_left = sum(row.variant == "sgad" and row.network == "critic" for row in means)
    assert set(rows.split(",")) == {"sgad critic"}
    assert count == f"{n_left} rows" == f"{len(rows.split(','))} rows"
    assert fits == "fits"


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is absent")
def test_a_browser_shows_the_pair_under_the_pointer(toy: Path, tmp_path: Path) -> None:
    told = driven(toy, tmp_path, SCRIPT)
    results, data = Results(toy), explorer_data(Results(toy))
    left = results.recording.dissimilarity[0]
    right = next(m for m in data["matrices"] if m["group"] != "recording")
    pairs = left[np.triu_indices(len(left), 1)]
    place = np.ravel_multi_index((2, 5), left.shape)
    upper = np.flatnonzero(np.triu(np.ones_like(left), 1).ravel()).tolist().index(place)
    share = (rankdata(pairs)[upper] - 1) / (len(pairs) - 1)
    assert told[0] == "2 and 5"
    assert told[1] == f"{left[2, 5]:.3f}, more than {100 * share:.0f} % of pairs"
    assert told[2].startswith(f"{unpacked(right)[upper]:.3f}")
    assert float(told[3]) == pytest.approx(spearmanr(pairs, unpacked(right)).statistic, abs=2e-3)
    assert told[4:] == ["drawn", "2 and 5", "3 and 5"]
