"""Import closures: what a changed module must make Snakemake do again."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.sources import imported_modules


def names(*modules: str) -> set[str]:
    return {
        Path(path).relative_to(Path(__file__).parents[2]).as_posix() for path in imported_modules(*modules)
    }


def test_training_depends_on_what_it_imports_and_not_on_evaluation() -> None:
    found = names("trained.runs")
    assert {
        "trained/neuron.py",
        "trained/surrogate.py",
        "study/network/neurons.py",
        "study/images.py",
    } <= found
    assert not found & {"trained/evaluation.py", "trained/configurations.py", "bio/simulate.py"}


def test_a_simulated_recording_depends_on_the_gabor_filters() -> None:
    assert "analysis/gabor.py" in names("analysis.command_record")


def test_imports_inside_functions_count() -> None:
    assert "bio/simulate.py" in names("bio.__main__")


def test_a_package_stands_for_all_its_modules() -> None:
    assert {"bio/levels/lif.py", "bio/levels/exact.py"} <= names("bio.levels")


def test_no_such_module() -> None:
    with pytest.raises(ValueError, match=r"there is no module trained\.nothing"):
        imported_modules("trained.nothing")
