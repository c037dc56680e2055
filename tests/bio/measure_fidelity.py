"""Measure level `lif` against `exact` on random networks: python -m tests.bio.measure_fidelity [SEED] (minutes).

Prints, per silence after a spike (in steps) and layer: correlation of spike counts, ratio of mean rates, Spearman
correlation of RDMs (Euclidean distances of count vectors). Standardised currents per channel stand for batch norm.
"""

import dataclasses
import sys

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr

from bio.levels import LEVELS, lif
from bio.simulate import simulate
from study.network import (
    LIF,
    Conv2d,
    ConvTranspose2d,
    Current,
    Dense,
    Layer,
    LeakyIntegrator,
    MeanFrames,
    Network,
)
from tests.bio.reference import apply, step

N_STEPS, N_INPUTS, BIAS = 16, 16, 0.2


def standardised(role, shape, connections, readout, inputs):
    """Return a network whose currents have mean 0 and SD 1 per channel on `inputs`, plus a bias in firing layers."""
    signal, layers = np.repeat(inputs.reshape(1, len(inputs), -1), N_STEPS, axis=0), []
    for number, connection in enumerate(connections):
        out = (connection.n_out,) if isinstance(connection, Dense) else connection.output_shape
        last = number == len(connections) - 1
        current = np.array([apply(connection, x) for x in signal])
        grouped = current.reshape(N_STEPS, len(inputs), out[0], -1)
        scale, mean = 1 / (grouped.std((0, 1, 3)) + 1e-12), grouped.mean((0, 1, 3))
        axis = 1 if isinstance(connection, ConvTranspose2d) else 0
        others = [a for a in range(connection.weight.ndim) if a != axis]
        connection = dataclasses.replace(connection, weight=connection.weight * np.expand_dims(scale, others))
        drive = np.repeat((0 if last else BIAS) - mean * scale, connection.n_out // out[0])
        neuron = readout if last else LIF(0.5, 0.5)
        layers.append(Layer("readout" if last else f"layer{number + 1}", out, connection, drive, neuron))
        v, outputs = np.zeros((len(inputs), connection.n_out)), []
        for x in signal:
            output, v = step(neuron, v, apply(connection, x) + drive)
            outputs.append(output)
        signal = np.array(outputs)
    return Network(role, shape, N_STEPS, tuple(layers), MeanFrames() if role == "generator" else None)


def networks(seed):
    """Yield (network, random inputs) for a critic and a generator."""
    rng = np.random.default_rng(seed)
    images = np.array([gaussian_filter(image, 1.5) for image in rng.random((N_INPUTS, 32, 32))])
    images = (images - images.min()) / (images.max() - images.min())
    pooled = np.kron(rng.normal(size=(16, 8, 5, 5)), np.ones((2, 2))) / 4
    weights = (Conv2d(rng.normal(size=(8, 1, 5, 5)), (1, 32, 32)), Conv2d(pooled, (8, 28, 28), 2))
    dense = (Dense(rng.normal(size=(64, 1600))), Dense(rng.normal(size=(1, 64))))
    yield (
        standardised("critic", (1, 32, 32), (*weights, *dense), LeakyIntegrator(0.5, 0.5), images),
        images,
    )
    latents = rng.normal(size=(N_INPUTS, 16))
    dense = (Dense(rng.normal(size=(256, 16))), Dense(rng.normal(size=(1024, 256))))
    up = (
        ConvTranspose2d(rng.normal(size=(16, 8, 4, 4)), (16, 8, 8), 2, 1),
        ConvTranspose2d(rng.normal(size=(8, 1, 4, 4)), (8, 16, 16), 2, 1),
    )
    yield standardised("generator", (16,), (*dense, *up), Current(), latents), latents


def variant(silence, clamped):
    """Return level lif with another silence after a spike, its membrane clamped meanwhile or not."""

    def population(neuron, step_ms):
        lif.REFRACTORY_STEPS = silence
        texts = lif.population(neuron, step_ms)
        if clamped:
            return texts
        return dataclasses.replace(texts, equations=texts.equations.replace(" (unless refractory)", ""))

    return dataclasses.replace(lif.LEVEL, name="variant", population=population)


def main(seed):
    for network, inputs in networks(seed):
        exact = simulate(network, inputs, progress=False)
        for silence, clamped in ((0, 1), (0.125, 1), (0.25, 1), (0.375, 1), (0.5, 1), (1, 1), (1, 0)):
            LEVELS["variant"] = variant(silence, clamped)
            found = simulate(network, inputs, "variant", "cpp_standalone", progress=False)
            print(network.role, "silence", silence, "clamped" if clamped else "not clamped")
            for name in exact.counts:
                a, b = (x.counts[name][:, 0].sum(axis=1).astype(float) for x in (exact, found))
                r, rho = np.corrcoef(a.ravel(), b.ravel())[0, 1], spearmanr(pdist(a), pdist(b))[0]
                print(f"  {name}: counts r {r:.3f}, rate ratio {b.mean() / a.mean():.2f}, RDM rho {rho:.3f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
