"""Every figure from a small folder of results; the report; what is missing."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from skimage.color import rgb2lab

from analysis.__main__ import main
from analysis.figures import fig6_ladder
from analysis.figures.catalogue import FIGURES, draw_figure
from analysis.figures.palette import COLOURS, CONTROL_COLOUR, site_name, variant_colours
from analysis.results import NothingToDrawError, Results
from analysis.rows import best_layer_rows, main_level, shown_network
from analysis.table import save_table
from study.files import sha256
from tests.analysis.synthetic import make_results


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    root = make_results(tmp_path_factory.mktemp("results"))
    assert main(["figures", "--results", str(root)]) == 0
    assert main(["report", "--results", str(root), "--out", str(root / "report.html")]) == 0
    return root


@pytest.fixture
def copy(toy, tmp_path):
    return shutil.copytree(toy, tmp_path / "copy")


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_drawn_and_say_that_the_recording_is_simulated(toy, name):
    assert (toy / "figures" / f"{name}.png").stat().st_size > 5000
    svg = (toy / "figures" / f"{name}.svg").read_text()
    assert "<!-- Recording: simulated V1 (Gabor energy and Poisson spikes), no animal was recorded." in svg
    assert "stand-ins" in svg


@pytest.mark.parametrize("name", ["fig0_way", "fig4_alignment"])
def test_the_same_results_give_the_same_bytes(toy, tmp_path, name):
    for path in draw_figure(name, Results(toy), tmp_path):
        assert sha256(path) == sha256(toy / "figures" / path.name)


def test_titles_tell_exact_from_other_levels(toy):
    rasters = (toy / "figures" / "fig2_rasters.svg").read_text()
    assert "0 mismatches" in rasters
    assert "bins differ" in rasters
    samples = (toy / "figures" / "fig1_samples.svg").read_text()
    assert "max |Δ| = 0 " in samples
    assert "max |Δ| = 0.02" in samples


def test_the_report_holds_everything_and_asks_for_nothing(toy):
    page = (toy / "report.html").read_text()
    assert page.count('src="data:image/png;base64,') == len(FIGURES)
    for text in (
        "no animal was recorded",
        "sgad",
        "simV1_low",
        "mean-good",
        "best-layer",
        "gabor-raw",
        "FAD",
        "12.5",
        "Trained minus untrained",
        "trial reliability",
    ):
        assert text in page
    named = ("distance", "site_distance", "good_cells", "good_ceiling", "n_permutations")
    for text in ("git_commit", "sha256_stimuli", "stimuli_sha256", *named):
        assert text in page
    assert ">rsa.csv<" in page
    for loaded in ("http://", "https://", 'src="/', "@import", "url("):
        assert loaded not in page
    assert page.count("Recording: simulated V1") > len(FIGURES)
    assert "rows</span>" in page


def test_the_summary_says_what_was_found(toy, tmp_path, capsys):
    assert main(["summary", "--results", str(toy), "--out", str(tmp_path / "summary.txt")]) == 0
    text = (tmp_path / "summary.txt").read_text()
    assert text == capsys.readouterr().out
    assert text.startswith("!!! Recording: simulated V1")
    for part in (
        "gabor-raw",
        "sgad critic best-layer",
        "Trained minus untrained (torch;",
        "Best layer by level: torch, exact, lif",
        "12.5  FAD toy/sgad/seed-0",
    ):
        assert part in text
    assert "0 of 1,234  toy/sgad/seed-0 critic" in text


def test_the_reports_script_sorts_and_filters(toy, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is absent")
    script = (toy / "report.html").read_text().split("<script>")[1].split("</script>")[0]
    stub = "globalThis.document = { querySelectorAll: () => [], getElementById: () => null };\n"
    check = (
        "\nif (!(compare('2', '10') < 0 && compare('a', 'b') < 0 && number('') === null)) process.exit(3);"
    )
    (tmp_path / "x.js").write_text(stub + script.replace('"use strict";', "") + check)
    assert subprocess.run([node, tmp_path / "x.js"], check=False).returncode == 0


def test_what_is_missing_is_named(copy, capsys):
    shutil.rmtree(copy / "responses")
    assert main(["figures", "--results", str(copy), "--out", str(copy / "new")]) == 0
    told = capsys.readouterr().out
    assert "fig1_samples is not drawn: " in told
    assert "holds no responses of a generator; make it with `python -m bio simulate`" in told
    assert (copy / "new" / "fig4_alignment.png").exists()
    assert main(["figures", "--results", str(copy), "--out", str(copy / "new"), "fig2_rasters"]) == 2
    assert "holds no responses" in capsys.readouterr().err
    assert main(["figures", "--results", str(copy), "fig9"]) == 2
    assert "unknown figure 'fig9'" in capsys.readouterr().err
    assert main(["figures", "--results", str(copy / "nowhere")]) == 2
    assert "there is no results folder" in capsys.readouterr().err


def test_a_report_without_figures_says_so(copy):
    shutil.rmtree(copy / "figures")
    (copy / "metrics.csv").unlink()
    (copy / "rsa.json").unlink()
    assert main(["report", "--results", str(copy), "--out", str(copy / "bare.html")]) == 0
    page = (copy / "bare.html").read_text()
    assert ">rsa.csv<" not in page
    assert page.count("was not drawn") == len(FIGURES)
    assert "Image quality" not in page


def test_one_level_only_makes_no_figure_of_levels(copy):
    results = Results(copy)
    save_table([r for r in results.table if r.level in ("", "torch")], copy / "rsa.csv")
    with pytest.raises(NothingToDrawError, match=r"holds the levels \['torch'\]; at least two"):
        draw_figure("fig5_levels", Results(copy), copy)
    save_table([r for r in results.table if r.is_baseline], copy / "rsa.csv")
    draw_figure("fig4_alignment", Results(copy), copy)
    with pytest.raises(NothingToDrawError, match="holds no trained network"):
        draw_figure("fig0_way", Results(copy), copy)
    save_table([], copy / "rsa.csv")
    with pytest.raises(NothingToDrawError, match="holds no rows"):
        draw_figure("fig4_alignment", Results(copy), copy)


def test_the_level_shown_is_one_that_twins_have(copy):
    results = Results(copy)
    assert main_level(results) == "torch"
    save_table([r for r in results.table if r.level != "torch" or r.variant == "sgad"], copy / "rsa.csv")
    assert main_level(Results(copy)) == "exact"
    save_table([r for r in results.table if r.is_baseline], copy / "rsa.csv")
    assert main_level(Results(copy)) == ""


def test_misnamed_responses_are_refused(copy):
    (copy / "responses" / "sgad.nc").touch()
    with pytest.raises(ValueError, match=r"is not named MODEL--NETWORK--LEVEL\.nc"):
        _ = Results(copy).responses


def test_what_a_killed_writer_left_is_no_result(copy):
    before = [f.path for f in Results(copy).responses]
    for folder, name in (("responses", ".seed-0--critic--lif-x1.tmp.nc"), ("latents", ".seed-0-x1.tmp.nc")):
        (copy / folder / "toy" / "sgad").mkdir(parents=True, exist_ok=True)
        (copy / folder / "toy" / "sgad" / name).touch()
    (copy / "verify" / "toy" / "sgad" / ".seed-0-x1.tmp.txt").touch()
    results = Results(copy)
    assert [f.path for f in results.responses] == before
    assert list(results.checks) == ["toy/sgad/seed-0"]
    assert results.inversions == {}


def test_responses_are_found_by_their_path(toy):
    files = Results(toy).responses
    assert len(files) == 18
    assert [f.level for f in files[:3]] == ["torch", "exact", "lif"]
    assert {f.model for f in files} == {"toy/sgad/seed-0", "toy/hybrid/seed-0", "toy/untrained/seed-0"}


def test_names_and_colours():
    assert site_name("VISp_layer23") == "VISp L2/3"
    assert site_name("VISal_layer4") == "VISal L4"
    colours = variant_colours(["sgad", "hybrid", "untrained", "untrained-hybrid"])
    assert len(set(colours.values())) == 4
    assert colours["untrained"] == CONTROL_COLOUR


# Linear RGB as dichromats see it (Machado, Oliveira & Fernandes 2009, severity 1).
DICHROMATS = {
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.178], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("kind", DICHROMATS)
def test_colours_differ_for_the_colour_blind(kind):
    """By six times what is just noticeable (2.3 in CIE Lab), the gray of untrained twins included."""
    rgb = np.array([to_rgb(colour) for colour in (*COLOURS, CONTROL_COLOUR)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(DICHROMATS[kind]).T, 0, 1)
    encoded = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    lab = rgb2lab(encoded[None])[0]
    apart = np.linalg.norm(lab[:, None] - lab, axis=-1)[np.triu_indices(len(lab), 1)]
    assert apart.min() > 6 * 2.3


@pytest.mark.parametrize("name", FIGURES)
def test_figures_fit_two_columns(toy, name):
    """So that a page shows them at the size at which their text was set: 7 inches."""
    svg = (toy / "figures" / f"{name}.svg").read_text()
    width = float(re.search(r'<svg [^>]*width="([0-9.]+)pt"', svg, re.DOTALL)[1]) / 72
    assert width <= 7.05


def test_analysis_knows_neither_torch_nor_brian2():
    """And importing it does nothing: matplotlib's global state included."""
    code = (
        "import sys, pkgutil, importlib, analysis\n"
        "for m in pkgutil.walk_packages(analysis.__path__, 'analysis.'):\n"
        "    m.name.endswith('__main__') or importlib.import_module(m.name)\n"
        "bad = {'torch', 'brian2', 'trained', 'bio', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_bars_are_of_the_layer_chosen_on_other_images(copy):
    """The highest of many scores would stand too high beside baselines."""
    results = Results(copy)
    assert shown_network(results) == "critic"
    (row,) = best_layer_rows(results, "sgad", "critic")
    assert (row.layer, row.level, row.site) == ("best-layer", "torch", "mean-good")
    one = [r for r in results.table if r.layer in ("c1", "pixels")]
    save_table(one, copy / "rsa.csv")
    (row,) = best_layer_rows(Results(copy), "sgad", "critic")
    assert row.layer == "c1"


def test_the_ladder_has_intervals_over_networks(toy):
    from scipy.stats import t

    rows = fig6_ladder.load_fidelity(Results(toy))
    assert {key[2] for key in rows} == {"lif", "cuba", "coba"}
    values = [float(row["count_correlation"]) for row in rows["critic", "c1", "coba"]]
    _, low, high = fig6_ladder.interval(values)
    assert (low, high) == pytest.approx(t.interval(0.95, 2, np.mean(values), np.std(values, ddof=1) / 3**0.5))
    assert fig6_ladder.interval([0.5]) == (0.5, 0.5, 0.5)
    assert "3 network(s)" in (toy / "figures" / "fig6_ladder.svg").read_text()


def test_a_ladder_without_tables_is_not_drawn(copy):
    shutil.rmtree(copy / "fidelity")
    with pytest.raises(NothingToDrawError, match="make them with `python -m bio fidelity`"):
        draw_figure("fig6_ladder", Results(copy), copy)
