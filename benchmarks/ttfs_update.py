"""One update of the first-spike classifier (784-400-10, t_max 256): compiled spike by spike, against one product per step.

Prints CPU seconds per epoch of 60,000 images, on one thread. Digits are the embedded ones, so nothing is downloaded.
"""

from __future__ import annotations

import dataclasses
import statistics
import time

import torch

from trained.configurations import named_config
from trained.ttfs import neuron
from trained.ttfs.config import TTFSClassifierConfig
from trained.ttfs.training import TTFSClassifierTrainer

N_EPOCH = 60_000
BATCHES = (20, 50, 100)  # images
N_UPDATES = 20
N_STEP_BY_STEP = 5


def seconds(work: object, n: int) -> float:
    """Return the median CPU time of one call, in seconds."""
    times = []
    for _ in range(n):
        start = time.process_time()
        work()  # type: ignore[operator]
        times.append(time.process_time() - start)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    config = named_config("ttfs-classifier/s4nn")
    assert isinstance(config, TTFSClassifierConfig)
    for batch in BATCHES:
        trainer = TTFSClassifierTrainer(dataclasses.replace(config, dataset="digits", batch_size=batch), 0)
        trainer.advance()  # compiles
        compiled = seconds(trainer.advance, N_UPDATES)
        times = trainer.digits.times[:batch].float()
        weight = trainer.model.network.weights[0].detach()

        def step_by_step(times: torch.Tensor = times, weight: torch.Tensor = weight) -> None:
            found = neuron.crossings(times, weight, config.rule)
            neuron.gradients(times, weight, found, torch.ones_like(found))

        plain = seconds(step_by_step, N_STEP_BY_STEP)
        print(
            f"batch {batch}: {compiled * N_EPOCH / batch:.1f} s per epoch; the hidden layer alone, step by step, "
            f"{plain * N_EPOCH / batch:.0f} s: {plain / compiled:.0f} times as long"
        )


if __name__ == "__main__":
    main()
