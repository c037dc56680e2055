"""Blocks of the summary, each from the files that it reads."""

import dataclasses

import numpy as np
import xarray as xr

from analysis.results import Results
from analysis.summary import _checks, _differences, _inversions
from analysis.table import Row, save_table
from study.netcdf import write_groups


def test_checks_are_summed_over_the_layers_of_a_network(tmp_path):
    (tmp_path / "verify" / "toy" / "sgad").mkdir(parents=True)
    (tmp_path / "verify" / "toy" / "sgad" / "seed-0.txt").write_text(
        "generator/dense1: mismatched spikes: 0 of 1000 spikes (9999 neuron-steps, spike probability 0.1)\n"
        "generator/dense2: mismatched spikes: 3 of 500 spikes (9999 neuron-steps, spike probability 0.1)\n"
        "critic/conv1: mismatched spikes: 0 of 7 spikes (9999 neuron-steps, spike probability 0.1)\n"
        "critic: score differs by 1e-9 at most\n"
    )
    assert list(_checks(Results(tmp_path))) == [
        "Spikes of Brian2 (exact) that differ from torch's",
        "  3 of 1,500  toy/sgad/seed-0 generator",
        "  0 of 7  toy/sgad/seed-0 critic",
    ]


def test_inversions_stand_beside_their_controls(tmp_path):
    axis, values = "stimulus", np.array([1.0, 3.0])
    errors = {"mse": (axis, 0.01 * values), "mse_mean_image": (axis, 0.02 * values)}
    dataset = xr.Dataset({**errors, "mse_shuffled": (axis, 0.03 * values), "target": (axis, values)})
    write_groups(tmp_path / "latents" / "toy" / "sgad" / "seed-0.nc", {"/": dataset})
    # latents that were drawn at random, not sought for an image, have no error
    write_groups(
        tmp_path / "latents" / "toy" / "sgad" / "seed-1.nc", {"/": xr.Dataset({"z": (axis, values)})}
    )
    title, line = _inversions(Results(tmp_path))
    assert title.startswith("Latent inversion of the images")
    assert line == "  0.0200 (0.0400; 0.0600)  toy/sgad/seed-0"


def test_without_files_there_is_no_block(tmp_path):
    save_table([], tmp_path / "rsa.csv")
    results = Results(tmp_path)
    assert [*_checks(results), *_inversions(results), *_differences(results)] == []


def test_differences_are_means_over_seeds(tmp_path):
    names = ("m/sgad/seed-0", "m", "sgad", "0", "critic", "torch", "c1", "mean-all", "spearman", 0.3)
    first = Row(*names, difference=0.1, difference_low=-0.1, difference_high=0.3, difference_p=0.2)
    second = dataclasses.replace(first, seed="1", difference=0.3, difference_low=0.1, difference_high=0.5)
    second = dataclasses.replace(second, difference_p=0.01)
    untrained = dataclasses.replace(first, variant="untrained", difference=float("nan"))
    save_table([first, untrained], tmp_path / "rsa.csv")
    title, line = _differences(Results(tmp_path))
    assert title.startswith("Trained minus untrained (torch;")
    assert line == "   0.100 [-0.100,  0.300]  sgad critic c1, p 0.200"
    save_table([first, second, untrained], tmp_path / "rsa.csv")
    _, line = _differences(Results(tmp_path))
    assert line == "   0.200 [ 0.000,  0.400]  sgad critic c1 (2 seeds), p 0.010 to 0.200"


def test_differences_without_samples_have_no_p(tmp_path):
    names = ("m/sgad/seed-0", "m", "sgad", "0", "critic", "torch", "c1", "mean-all", "spearman", 0.3)
    save_table([Row(*names, difference=0.1)], tmp_path / "rsa.csv")
    assert list(_differences(Results(tmp_path)))[1].endswith("sgad critic c1")
