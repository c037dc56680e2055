"""Known numbers of the real session; and what makes them, on data with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.sanity import Check, nearest_mean
from analysis.sanity_sites import SiteLine
from study.manifest import find

NEEDED = ("allen-session-636930038", "allen-site-similarity")


def test_decoding_of_separate_and_of_equal_stimuli():
    generator = np.random.default_rng(0)
    apart = 10 * generator.standard_normal((20, 1, 15)) + generator.standard_normal((20, 8, 15))
    assert nearest_mean(apart) == 1
    assert nearest_mean(generator.standard_normal((20, 40, 15))) == pytest.approx(0.05, abs=0.03)


def test_a_check_that_must_agree_fails():
    assert not Check("x", 0.684, 0.68, 0.005).failed
    assert Check("x", 0.67, 0.68, 0.005).failed
    assert Check("x", np.nan, 0.68, 0.005).failed
    assert not Check("x", 0.4, 0.235, 0.005, same_choices=False).failed
    assert "DIFFERS" in str(Check("x", 0.67, 0.68, 0.005))


@pytest.mark.skipif(any(find(name) is None for name in NEEDED), reason=f"recordings {NEEDED} are not at hand")
def test_the_real_session_gives_the_reference_numbers(capsys):
    assert main(["sanity"]) == 0
    said = capsys.readouterr().out
    assert said.count(" agrees ") == 9
    assert "DIFFERS" not in said


@pytest.mark.skipif(
    any(find(name) is None for name in ("allen-site-similarity", "allen-natural-scenes")),
    reason="the sites' RDMs and the scenes are not at hand",
)
def test_the_real_sites_give_the_reference_table(capsys):
    assert main(["sanity", "sites"]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) == 1 + 21 + 3
    assert "!" not in said
    assert said.count(" agrees ") == 3


def test_a_site_that_differs_is_marked():
    checks = (
        Check("cells", 9, 9, 0),
        Check("trial reliability", 0.9, 0.9, 0.01),
        Check("pixels", 0.2, 0.1, 0.01),
    )
    assert str(SiteLine("VISp_layer4", checks)).split() == [
        "VISp_layer4",
        "9",
        "(9)",
        "0.900",
        "(0.900)",
        "0.200",
        "(0.100)!",
    ]
