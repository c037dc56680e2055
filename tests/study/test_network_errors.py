"""Descriptions that do not fit are refused with the value, what is allowed and what to do."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from study import network as nw
from study.network import Network
from tests.study.test_network import READOUT, SPIKING, layer


def chain(*layers: nw.Layer, **fields: Any) -> Network:
    return Network(**{"role": "critic", "input_shape": (3,), "n_steps": 4, "layers": layers, **fields})


def dense(name: str, n_in: int, n_out: int, neuron: nw.Neuron = SPIKING) -> nw.Layer:
    return layer(name, (n_out,), nw.Dense(np.ones((n_out, n_in))), neuron)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: chain(dense("a", 4, 2)), "layer a takes 4 units, but the input has 3"),
        (lambda: chain(dense("a", 3, 2), dense("b", 5, 1)), "layer b takes 5 units, but layer a has 2"),
        (lambda: chain(dense("a", 3, 2), dense("a", 2, 1)), r"layer names \['a', 'a'\] repeat; each must be unique"),
        (
            lambda: chain(dense("a", 3, 2, nw.Current()), dense("b", 2, 1)),
            "layer a does not spike, but is not the last; only the last may not",
        ),
        (lambda: chain(), "the network has no layers; at least one is needed"),
        (lambda: chain(dense("a", 3, 2), n_steps=0), "n_steps is 0; at least 1 is needed"),
        (lambda: chain(dense("a", 3, 2), n_steps=2.5), r"n_steps is 2\.5; a whole number is needed"),
        (lambda: chain(dense("a", 3, 2), input_shape=(3.0,)), r"a number of input_shape is 3\.0; a whole number"),
        (lambda: nw.Conv2d(np.ones((1, 1, 3, 3)), (1, 8, 8), stride=1.5), r"stride of conv2d is 1\.5; a whole"),  # type: ignore[arg-type]
        (lambda: chain(dense("a", 3, 2), role="critc"), "unknown network role 'critc': did you mean 'critic'"),
        (lambda: dense("A-1", 3, 2), "layer name 'A-1'; allowed are lower case letters and digits"),
        (
            lambda: nw.Layer("a", (5,), nw.Dense(np.ones((2, 3))), np.ones(2), SPIKING),
            r"layer a: shape \(5,\) has 5 units, its connection 2 and its drive 2; all three must agree",
        ),
        (lambda: nw.Dense(np.ones(3)), r"dense weight has 1 axes, shape \(3,\); 2 are needed"),
        (lambda: nw.Dense(np.full((1, 1), np.nan)), "dense weight holds NaN or infinite values; train or export"),
        (lambda: nw.Conv2d(np.ones((1, 2, 3, 3)), (1, 8, 8)), "conv2d: input_shape .* with 2 channels"),
        (lambda: nw.Conv2d(np.ones((1, 1, 3, 3)), (1, 2, 2)), "output shape .* is empty; use a larger image"),
        (lambda: nw.Conv2d(np.ones((1, 1, 3, 3)), (1, 8, 8), stride=0), "stride 0 and padding 0; allowed are stride"),
        (lambda: nw.ConvTranspose2d(np.ones((2, 1, 3, 3)), (1, 8, 8)), "conv_transpose2d: input_shape .* 2 channels"),
        (lambda: nw.LIF(1.5, 1), "decay is 1.5; allowed is 0 to 1"),
        (lambda: nw.LeakyIntegrator(-0.1, 1), "decay is -0.1; allowed is 0 to 1"),
        (lambda: nw.LIF(0.5, 1, reset="sot"), "unknown reset rule 'sot': did you mean 'soft'"),
        (lambda: nw.LIF(0.5, 1, threshold_rule="<"), "unknown threshold rule '<': .*allowed are >, >="),
        (
            lambda: nw.AttentionScoring(np.ones((2, 8)), np.ones(2), np.ones((2, 8)), np.ones(2), "next"),
            "unknown attention query 'next': allowed are current, previous",
        ),
    ],
)  # fmt: skip
def test_wrong_description(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


POOL = nw.MaxPool2d((1, 4, 4), 2)
ATTENTION = (np.ones((2, 3)), np.ones(2), np.ones((2, 3)), np.ones(2))


def pooling(**fields: Any) -> nw.Layer:
    return dataclasses.replace(nw.Layer.max_pool("pool", POOL), **fields)


def recurrent(source: str, n_in: int = 2, n_out: int = 2) -> nw.Layer:
    return dataclasses.replace(
        dense("a", 3, 2), recurrent=(nw.Recurrent(source, nw.Dense(np.ones((n_out, n_in)))),)
    )


def picking(**fields: Any) -> Network:
    """Return a network whose only input is draws: one of two candidates, fed back."""
    back = nw.Recurrent("pick", nw.Dense(np.ones((2, 1))))
    first = nw.Layer("first", (2,), None, np.zeros(2), SPIKING, (back,))
    pick = nw.Layer("pick", (1,), nw.Pick(1, 2), np.zeros(1), nw.RELAY)
    given = {"role": "encoder", "input_shape": (1,), "n_steps": 4, "layers": (first, pick), "input": "draws"}
    return Network(**{**given, **fields})


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: chain(dense("a", 3, 2), input="spike"), "unknown input 'spike': did you mean 'spikes'"),
        (lambda: chain(dense("a", 3, 2), latency=2), "latency is 2; allowed are 0 and 1"),
        (lambda: chain(dense("a", 3, 2), zero_spikes=True), "zero_spikes is set, but the input is constant"),
        (lambda: nw.MaxPool2d((1, 4, 4), 5), r"windows of 5 on input_shape \(1, 4, 4\)"),
        (lambda: nw.MaxPool2d((4, 4), 2), r"input_shape must be \(channels, y, x\)"),
        (lambda: pooling(neuron=SPIKING), "layer pool pools maxima, so its neuron must be study.network.RELAY"),
        (lambda: pooling(drive=np.ones(4)), "its drive 0"),
        (
            lambda: chain(pooling(), dense("a", 4, 1, READOUT), input_shape=(1, 4, 4)),
            "layer pool is a max_pool2d, which takes spikes, but the input is constant",
        ),
        (lambda: nw.Pick(0, 2), "pick: 0 outputs of 2 candidates; both must be at least 1"),
        (lambda: nw.Recurrent("a", nw.Pick(1, 2)), "from a is a pick; allowed are dense, conv2d"),  # type: ignore[arg-type]
        (lambda: nw.ConvTranspose2d(np.ones((1, 1, 3, 3)), (1, 3, 3), 2, 1, 2), "output_padding 2; allowed is 0 to 1"),
        (lambda: nw.FirstSpike(np.nan), "v_threshold of first_spike is nan; a finite number is needed"),
        (lambda: nw.FirstSpike(1, "=>"), "unknown threshold rule '=>'"),
        (lambda: nw.LIF(0.5, np.inf), "gain of lif is inf; a finite number is needed"),
        (lambda: nw.LeakyIntegrator(0.5, np.nan), "gain of leaky_integrator is nan"),
        (lambda: nw.Layer("a", (1,), None, np.zeros(1), SPIKING), "has neither a connection nor recurrent input"),
        (lambda: recurrent("a", n_out=3), "has 2 units, but the recurrent connection from a reaches 3"),
        (lambda: chain(recurrent("b")), "recurrent input from 'b'; allowed are spiking layers from a .* last: a"),
        (lambda: chain(recurrent("a", n_in=3)), "takes 3 recurrent units from a, which has 2"),
        (
            lambda: chain(dataclasses.replace(recurrent("a"), recurrent=recurrent("a").recurrent * 2)),
            r"layer a has recurrent input from \['a', 'a'\]; name each once",
        ),
        (lambda: picking(latency=1), "layer pick picks, but latency is 1; spikes that take a step .* use latency 0"),
        (lambda: picking(input="constant"), "layer first has no connection from the input; only the first layer"),
        (lambda: picking(input_shape=(2,)), r"draws of shape \(2,\), but the network has a pick of 1 outputs"),
        (
            lambda: picking(layers=(recurrent_only("first"),)),
            r"draws of shape \(1,\), but the network has no pick",
        ),
        (
            lambda: chain(dense("a", 3, 2), input="draws"),
            "layer a has a connection, but the input is draws, which drive no layer",
        ),
        (
            lambda: chain(dense("a", 3, 2), *(nw.Layer(n, (k,), nw.Pick(k, m), np.zeros(k), nw.RELAY) for n, k, m in (("b", 2, 1), ("c", 1, 2)))),
            r"layers \['b', 'c'\] pick; a network may have one such layer",
        ),
        (lambda: chain(dense("a", 3, 2)), "a critic of lif readout needs a decision; allowed are membrane, spike"),
        (lambda: chain(dense("a", 3, 2, READOUT), role="classifier"), "a classifier of current readout needs a decis"),
        (lambda: chain(dense("a", 3, 2), decision="spike_counts"), "unknown decision 'spike_counts': did you mean 'spike_count'"),
        (lambda: chain(dense("a", 3, 2), decision="membrane"), "decision membrane does not fit readout a of lif"),
        (
            lambda: chain(dense("a", 3, 2, READOUT), decision="earliest_spike"),
            "decision earliest_spike does not fit readout a of current neurons",
        ),
        (lambda: chain(dense("a", 3, 2), role="encoder", decision="spike_count"), "role encoder decides nothing, but decision is spike_count; leave it out"),
        (lambda: chain(dense("a", 3, 2, READOUT), decoder=nw.LastFrame()), "role critic has no images, but there is a decoder last"),
        (lambda: image(nw.FirstSpikeTime()), "decoder first_spike_time does not fit readout a of current"),
        (lambda: image(nw.LastFrame(), SPIKING), "decoder last does not fit readout a of lif neurons"),
        (lambda: image(nw.FirstSpikeTime(4), SPIKING), "first_step 4 is not below 4 steps"),
        (lambda: nw.FirstSpikeTime(-1), "first_step is -1; at least 0 is needed"),
        (lambda: image(nw.WeightedSum(np.ones(3))), "decoder weighted_sum: 3 weights for 4 steps"),
        (lambda: nw.WeightedSum(np.ones(3), "tanh"), "unknown activation 'tanh': did you mean 'tanh_sum'"),
        (lambda: image(nw.TemporalAttention(np.ones((4, 3)))), r"weight \(4, 3\) for 4 steps"),
        (lambda: image(nw.TemporalAttention(np.ones((4, 4)), 2)), "2 channels do not divide 3 readout units"),
        (lambda: nw.TemporalAttention(np.ones((4, 4)), 0), "temporal_attention: 0 channels; at least 1"),
        (lambda: nw.TemporalAttention(np.ones((4, 4)), 1, "relu"), "unknown activation 'relu'"),
        (lambda: nw.AttentionScoring(*ATTENTION[:3], np.ones(3)), r"biases \(2,\) and \(3,\); \(d, n_pixels\) twice"),
        (lambda: nw.AttentionScoring(*ATTENTION, weight_features=np.ones((3, 5))), "attention: bias_features is missing"),
        (lambda: nw.AttentionScoring(*ATTENTION, "previous", np.ones((2, 5)), np.ones(2)), r"features of weight \(2, 5\) and bias \(2,\) .* \(3, n_pixels\) and \(3,\)"),
        (lambda: image(nw.AttentionScoring(*ATTENTION, "previous", np.ones((3, 5)), np.ones(3))), "weights for 5 pixels, but the readout has 3"),
        (lambda: image(nw.AttentionScoring(*ATTENTION), n=2), "weights for 3 pixels, but the readout has 2"),
    ],
)  # fmt: skip
def test_what_does_not_fit(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


def recurrent_only(name: str) -> nw.Layer:
    return nw.Layer(name, (1,), None, np.zeros(1), SPIKING, (nw.Recurrent(name, nw.Dense(np.ones((1, 1)))),))


def image(decoder: nw.Decoder, neuron: nw.Neuron = READOUT, n: int = 3) -> Network:
    return chain(dense("a", 3, n, neuron), role="generator", decoder=decoder)


def test_the_input_code_of_first_spikes() -> None:
    values = np.array([[1.0, 0.75, 0.5, 1 / 255, 0.0]])
    assert nw.first_spike_steps(values, 4).tolist() == [[0, 1, 2, 3, 4]]
    trains = nw.first_spike_trains(values, 4)
    assert trains.shape == (1, 4, 5)
    assert trains[0].argmax(axis=0).tolist() == [0, 1, 2, 3, 0]
    assert trains.sum(axis=1).tolist() == [[1, 1, 1, 1, 0]]  # 0 never spikes
    assert nw.first_spike_steps(values, 4, zero_spikes=True).tolist() == [[0, 1, 2, 3, 3]]
    with pytest.raises(ValueError, match="values from -1 to 1 cannot be coded as first spikes"):
        nw.first_spike_steps(np.array([-1.0, 1.0]), 4)
