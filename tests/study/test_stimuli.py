import numpy as np
import pytest
import xarray as xr

from study.netcdf import write_groups
from study.stimuli import Stimuli, load_stimuli, save_stimuli

RNG = np.random.default_rng(0)
SPIKES = (RNG.random((3, 5, 2, 4, 3)) < 0.2).astype(np.uint8)
KINDS = {
    "image": RNG.random((3, 4, 5)),
    "colour": RNG.random((3, 4, 5, 3)),
    "latent": RNG.normal(size=(3, 7)),
    "spikes": SPIKES,
    "silent": np.zeros((3, 5, 6), np.uint8),
    "draws": RNG.integers(0, 20, (3, 5, 2)),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("beside", [False, True])
def test_round_trip(tmp_path, name, beside):
    kind = {"colour": "image", "silent": "spikes"}.get(name, name)
    draws = KINDS["draws"] if beside and name != "draws" else None
    stimuli = Stimuli(KINDS[name], np.array([4, 0, 2]), {}, {"simulated": "true"}, kind, draws)
    save_stimuli(stimuli, tmp_path / "stimuli.nc")
    read = load_stimuli(tmp_path / "stimuli.nc")
    assert (read.kind, read.attributes["simulated"]) == (kind, "true")
    np.testing.assert_array_equal(read.values, stimuli.values)
    np.testing.assert_array_equal(read.stimulus, stimuli.stimulus)
    assert (read.draws is None) == (draws is None)
    if draws is not None:
        np.testing.assert_array_equal(read.draws, draws)


def test_spike_trains_are_stored_as_their_spikes(tmp_path):
    trains = (RNG.random((40, 64, 784)) < 0.001).astype(np.uint8)
    save_stimuli(Stimuli(trains, np.arange(40), kind="spikes"), tmp_path / "stimuli.nc")
    assert (tmp_path / "stimuli.nc").stat().st_size < 20 * trains.sum() + 20_000


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (np.zeros(3), "", r"latent stimuli have the shape \(3,\)"),
        (np.zeros((3, 2)), "picture", "unknown kind of stimuli 'picture': allowed are draws, image, latent, spikes"),
        (np.zeros((3, 2)), "spikes", r"spikes \(stimulus, step, unit\)"),
        (np.full((3, 2, 2), 1.5), "", "image values run from 1.5 to 1.5; allowed is 0 to 1"),
        (np.full((3, 2, 2), 0.5), "spikes", "spike trains hold values from 0.5 to 0.5; allowed are 0 and 1 alone"),
        (np.full((3, 2, 2), 0.5), "draws", r"draws have the shape \(3, 2, 2\) for 3 stimuli; whole numbers"),
        (np.zeros((2, 2, 2)), "", "2 stimuli but 3 distinct stimulus ids"),
    ],
)  # fmt: skip
def test_what_does_not_fit(values, kind, message):
    with pytest.raises(ValueError, match=message):
        Stimuli(values, np.arange(3), kind=kind)


def test_draws_of_another_number():
    with pytest.raises(ValueError, match=r"draws have the shape \(2, 5, 1\) for 3 stimuli"):
        Stimuli(np.zeros((3, 2)), np.arange(3), draws=np.zeros((2, 5, 1)))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("5", r"event_unit runs from 7 to 7; allowed is 0 to 0"),
        ("5 6", r"event_unit runs from 7 to 7; allowed is 0 to 5"),
        ("", "attribute spikes_shape is ''; the steps and the shape"),
    ],
)
def test_damaged_spike_trains(tmp_path, shape, message):
    events = {name: ("event", np.array([value])) for name, value in
              (("event_stimulus", 1), ("event_step", 2), ("event_unit", 7))}  # fmt: skip
    dataset = xr.Dataset(
        events, coords={"stimulus": ("stimulus", np.arange(3))}, attrs={"spikes_shape": shape}
    )
    write_groups(tmp_path / "stimuli.nc", {"/": dataset})
    with pytest.raises(ValueError, match=message):
        load_stimuli(tmp_path / "stimuli.nc")
