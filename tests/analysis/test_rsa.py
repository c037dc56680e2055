"""The table of results: what is compared, with which rules, and what is refused."""

import dataclasses
import math
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from analysis.baselines import OTHER_HALF
from analysis.ceiling import unit_halves
from analysis.model_rdms import (
    IMAGE_LAYER,
    ModelRdm,
    load_rdms,
    save_rdms,
    split_name,
)
from analysis.rdm import dissimilarity
from analysis.rsa import BEST_LAYER, analyse
from analysis.rsa_choices import RsaChoices
from analysis.table import COLUMNS, load_table, save_table
from analysis.trials import trial_recording
from study.netcdf import write_groups
from tests.analysis.test_recordings import recording

QUICK = RsaChoices(n_bootstrap=30, n_permutations=30)


def model(name="m/a/seed-0", layer="c1", matrix=None, silent=0) -> ModelRdm:
    if matrix is None:
        generator = np.random.default_rng(len(name) + len(layer))
        matrix = dissimilarity(generator.standard_normal((6, 5)))
    return ModelRdm(name, "critic", "torch", layer, matrix, 5, silent, "correlation", "all")


def pick(rows, **wanted):
    found = [r for r in rows if all(getattr(r, k) == v for k, v in wanted.items())]
    assert found
    return found


def test_a_site_is_alike_itself_and_rows_are_complete():
    made = recording(ceiling=np.array([0.9, 0.8, 0.9]))
    rows = analyse([model(matrix=made.dissimilarity[0]), model(layer="c2")], made, QUICK)
    itself = pick(rows, layer="c1", site="VISp_layer4")[0]
    assert itself.score == pytest.approx(1)
    assert itself.ci_low == pytest.approx(1)
    assert (itself.experiment, itself.variant, itself.seed) == ("m", "a", "0")
    assert itself.p == pytest.approx(1 / 31, abs=0.1)
    assert itself.p <= itself.q <= 1
    means = {r.site: r for r in pick(rows, layer="c1") if r.is_mean}
    singles = [r.score for r in pick(rows, layer="c1") if not r.is_mean]
    assert means["mean-all"].score == pytest.approx(np.mean(singles))
    assert means["mean-good"].score == pytest.approx((singles[0] + singles[2]) / 2)  # 20 cells are too few
    assert means["mean-good"].n_cells == 400
    assert len(pick(rows, layer=BEST_LAYER)) == 5
    assert {r.n_images for r in rows} == {6}


def test_the_same_seed_gives_the_same_rows():
    made, models = recording(), [model(), model(layer="c2")]
    first, again = (analyse(models, made, QUICK) for _ in range(2))
    assert repr(first) == repr(again)
    one, other = (
        analyse(models, made, dataclasses.replace(QUICK, seed=s, interval="percentile")) for s in (0, 1)
    )
    assert one[0].score == other[0].score
    assert one[0].ci_low != other[0].ci_low


def test_parts_of_many_models_draw_the_same_numbers(monkeypatch):
    made, models = recording(), [model(layer=f"c{k}") for k in range(5)]
    whole = analyse(models, made, QUICK)
    monkeypatch.setattr("analysis.rsa.MAX_MODELS", 2)
    for one, other in zip(whole, analyse(models, made, QUICK), strict=True):
        assert one.ci_low == pytest.approx(other.ci_low, abs=1e-12, nan_ok=True)
        assert one.p == pytest.approx(other.p, nan_ok=True)


def test_silent_images_are_counted_and_left_out():
    x = np.random.default_rng(0).standard_normal((6, 5))
    x[2] = 0
    made = recording()
    row = analyse([model(matrix=dissimilarity(x), silent=1)], made, QUICK)[0]
    keep = np.delete(np.arange(6), 2)
    cut = recording(stimulus=np.arange(5), dissimilarity=made.dissimilarity[:, keep][:, :, keep])
    alone = analyse([model(matrix=dissimilarity(x[keep]))], cut, QUICK)[0]
    assert (row.n_images, row.n_silent) == (5, 1)
    assert (row.score, row.ci_low, row.p) == (alone.score, alone.ci_low, alone.p)


def test_dead_and_constant_layers_have_empty_scores_and_do_not_count():
    dead = model("m/dead", matrix=np.where(np.eye(6), 0, np.nan), silent=6)
    constant = model("m/constant", matrix=1 - np.eye(6))
    rows = analyse([model(), dead, constant], recording(), QUICK)
    for name in ("m/dead", "m/constant"):
        for row in pick(rows, model=name):
            assert math.isnan(row.score)
            assert math.isnan(row.p)
            assert math.isnan(row.q)
    assert pick(rows, model="m/dead")[0].n_images == 0
    alone = analyse([model()], recording(), QUICK)
    assert [r.q for r in pick(rows, model="m/a/seed-0")] == [r.q for r in alone]


def test_a_dead_layer_does_not_hide_the_best_of_the_others():
    dead = model(layer="c3", matrix=np.where(np.eye(6), 0, np.nan), silent=6)
    rows = analyse([model(), model(layer="c2"), dead], recording(), QUICK)
    alone = analyse([model(), model(layer="c2")], recording(), QUICK)
    found, expected = (pick(r, layer=BEST_LAYER) for r in (rows, alone))
    assert repr(found) == repr(expected)
    assert found[0].n_images == 6


def test_baselines_are_a_family_of_their_own():
    named = dataclasses.replace(model("baseline/pixels", "pixels"), network="", level="")
    rows = analyse([model(), model(layer="c2"), named], recording(), QUICK)
    alone = analyse([named], recording(), QUICK)
    assert [r.q for r in pick(rows, model="baseline/pixels")] == [r.q for r in alone]
    assert not [r for r in alone if r.layer == BEST_LAYER]


def test_controls_are_a_family_of_their_own():
    made = recording()
    shifted, pixels = (
        dataclasses.replace(model(f"baseline/{name}", name), network="", level="")
        for name in ("pixels-shifted", "pixels")
    )
    rows = analyse([model(), pixels, shifted], made, QUICK)
    alone = analyse([model(), pixels], made, QUICK)
    assert [r.q for r in pick(rows, layer="pixels")] == [r.q for r in pick(alone, layer="pixels")]
    assert {r.is_control for r in pick(rows, layer="pixels-shifted")} == {True}
    assert not [r for r in rows if r.layer == OTHER_HALF]  # needs single trials


def test_the_other_half_of_the_same_cells_is_the_positive_control():
    generator = np.random.default_rng(0)
    truth = (generator.standard_normal((6, 2)) @ generator.standard_normal((2, 12)))[:, None]
    made = trial_recording(
        truth + 0.5 * generator.standard_normal((6, 8, 12)), np.arange(6), "VISp_layer4", {}
    )
    baseline = dataclasses.replace(model("baseline/pixels", "pixels"), network="", level="")
    rows = pick(analyse([baseline], made, QUICK), layer=OTHER_HALF)
    assert [r.site for r in rows] == ["VISp_layer4", "mean-all"]
    assert rows[0].score == pytest.approx(unit_halves(made, "VISp_layer4", "spearman")[:, 0].mean())
    assert rows[0].score == rows[1].score > 0.2
    assert rows[0].is_control
    assert not pick(analyse([model()], made, QUICK), model="m/a/seed-0")[0].is_control


def test_the_decoded_image_is_not_a_layer_to_choose():
    rows = analyse([model(), model(layer=IMAGE_LAYER)], recording(), QUICK)
    assert not [r for r in rows if r.layer == BEST_LAYER]


@pytest.mark.parametrize(
    ("n_sites", "chosen", "text"),
    [
        (3, {"ceiling": "neurons"}, "holds no single trials of VISp_layer4"),
        (3, {"against": "m/b/seed-0"}, "unknown model to compare with 'm/b/seed-0'"),
        (1, {"best_layer": "other-sites"}, "the recording has 1 site, so no other site can choose"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_long_work(n_sites, chosen, text, monkeypatch):
    monkeypatch.setattr("analysis.rsa.resample", lambda *_: pytest.fail("scored first"))
    with pytest.raises(ValueError, match=text):
        analyse([model(), model(layer="c2")], recording(n_sites), dataclasses.replace(QUICK, **chosen))


def test_refused_models():
    with pytest.raises(ValueError, match=r"'m/a/seed-0\|critic\|torch\|c1' .* was given 2 times"):
        analyse([model(), model()], recording(), QUICK)
    with pytest.raises(ValueError, match=r"has the shape \(4, 4\), the recording's have \(6, 6\)"):
        analyse([model(matrix=np.zeros((4, 4)))], recording(), QUICK)
    with pytest.raises(ValueError, match="n_bootstrap is -1; allowed is 0 or more"):
        RsaChoices(n_bootstrap=-1)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("patches/sgad/seed-12", ("patches", "sgad", "12")),
        ("sgad", ("", "sgad", "")),
        ("a/b/c", ("a/b", "c", "")),
        ("seed-1", ("", "seed-1", "")),
    ],
)
def test_names(name, parts):
    assert split_name(name) == parts


def test_tables_round_trip(tmp_path):
    rows = analyse([model()], recording(), QUICK)
    save_table(rows, tmp_path / "rsa.csv")
    read = load_table(tmp_path / "rsa.csv")
    assert [r.site for r in read] == [r.site for r in rows]
    assert [r.score for r in read] == pytest.approx([r.score for r in rows], rel=1e-5)
    assert math.isnan(read[2].ceiling_trials)
    assert isinstance(read[0].n_images, int)
    (tmp_path / "short.csv").write_text("model,score\na,1\n")
    with pytest.raises(ValueError, match="lacks the columns experiment, variant"):
        load_table(tmp_path / "short.csv")
    text = (tmp_path / "rsa.csv").read_text().replace(",6,0,5,", ",many,0,5,", 1)
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(ValueError, match=r"bad.csv line 2: .*'many'"):
        load_table(tmp_path / "bad.csv")


def test_every_column_is_explained_on_the_methods_page():
    page = Path(__file__).parents[2].joinpath("docs", "methods.md").read_text(encoding="utf-8")
    section = page[page.index("## Columns of `rsa.csv`") :].split("\n## ")[0]
    assert {name for name in COLUMNS if f"`{name}`" not in section} == set()
    named = {
        name for cell in re.findall(r"^\| (`.*?) \|", section, re.M) for name in re.findall(r"`(\w+)`", cell)
    }
    assert named - set(COLUMNS) == set()


def test_rdms_round_trip(tmp_path):
    entries = [model(), dataclasses.replace(model("baseline/pixels", "pixels"), network="", level="")]
    save_rdms(entries, np.arange(6), tmp_path / "rdms.nc", {"simulated": "true"})
    read = load_rdms(tmp_path / "rdms.nc")
    assert [e.label for e in read] == [e.label for e in entries]
    assert read[1].is_baseline
    np.testing.assert_allclose(read[0].matrix, entries[0].matrix, rtol=1e-6)
    write_groups(tmp_path / "x.nc", {"/": xr.Dataset({"a": ("b", [1])})})
    with pytest.raises(ValueError, match="holds no model RDMs"):
        load_rdms(tmp_path / "x.nc")


# -------------------------------------------------------------------------------------------- from files
