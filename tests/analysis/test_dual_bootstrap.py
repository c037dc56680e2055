"""Dual bootstrap with ceilings: rsatoolbox on the same draws."""

import numpy as np
import pytest

from analysis.dual_bootstrap import dual_bootstrap, sorted_ranks
from analysis.rdm import pair_values
from tests.analysis.test_compare import THEIRS, rdms


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("metric", ["spearman", "rho-a", "pearson", "cosine"])
def test_rsatoolbox_agrees_in_every_sample(metric, ties, monkeypatch):
    rsatoolbox = pytest.importorskip("rsatoolbox")
    from rsatoolbox.inference import evaluate

    models, data = rdms(2, 12, 0, ties), rdms(3, 12, 1, ties) + rdms(1, 12, 2, ties)
    drawn, sample = [], evaluate.bootstrap_sample

    def recorded(*args, **more):
        made = sample(*args, **more)
        drawn.append(made[1:])
        return made

    monkeypatch.setattr(evaluate, "bootstrap_sample", recorded)
    monkeypatch.setattr(evaluate.tqdm, "trange", range)
    np.random.seed(1)  # noqa: NPY002  rsatoolbox draws from the global generator
    theirs = evaluate.eval_dual_bootstrap(
        [rsatoolbox.model.ModelFixed(f"m{k}", pair_values(m)) for k, m in enumerate(models)],
        rsatoolbox.rdm.RDMs(pair_values(data)),
        method=THEIRS[metric],
        N=15,
        k_pattern=1,
        k_rdm=1,
    )
    sites, images = (np.stack(part) for part in zip(*drawn, strict=True))
    ours = dual_bootstrap(models, data, metric, images, sites)
    np.testing.assert_allclose(ours.score, theirs.evaluations[:, :, 0, 0], atol=1e-10)
    np.testing.assert_allclose(ours.ceiling, theirs.noise_ceiling[:, :, 0].transpose(1, 0, 2), atol=1e-10)


def test_ranks_of_numbers_beyond_16_bits():
    numbers = np.random.default_rng(0).integers(0, 1 << 20, (1, 50)).astype(np.uint32)
    numbers[0, :10] = numbers[0, 10:20]
    weight = np.ones(50)
    expected = (numbers[0] > numbers[0][:, None]).T.sum(axis=1) + (numbers[0] == numbers[0][:, None]).sum(
        axis=1
    ) / 2
    np.testing.assert_array_equal(sorted_ranks(numbers, weight)[0], expected)


def test_other_measures_are_refused():
    with pytest.raises(ValueError, match="unknown metric of the dual bootstrap 'linear-cka'"):
        dual_bootstrap(
            rdms(1, 6, 0, False),
            rdms(2, 6, 0, False),
            "linear-cka",
            np.zeros((1, 6), int),
            np.zeros((1, 2), int),
        )
