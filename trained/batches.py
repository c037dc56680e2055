"""Which samples an update is given: every sample once per epoch, in an order that only seed and epoch decide."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


class Epochs:
    """Batches of indices. Nothing is kept from batch to batch, so that a resumed run needs no more than its number.

    Parameters
    ----------
    n : int
        Samples.
    batch_size : int
        At most `n`. The last, incomplete batch of an epoch is dropped.
    seed : int
        Two runs of one seed see the same order.

    Raises
    ------
    ValueError
        If there are fewer samples than a batch takes.
    """

    def __init__(self, n: int, batch_size: int, seed: int):
        if batch_size > n:
            raise ValueError(
                f"batch_size is {batch_size}, but there are {n} training images; use a smaller one."
            )
        self.n, self.batch_size, self.seed = n, batch_size, seed
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    @property
    def per_epoch(self) -> int:
        """Batches per epoch."""
        return self.n // self.batch_size

    def batch(self, number: int) -> Int[Tensor, " batch"]:
        """Return the indices of batch `number`, counted from 0 over all epochs."""
        epoch, place = divmod(number, self.per_epoch)
        if epoch != self._epoch:
            random = torch.Generator().manual_seed(self.seed * 2**32 + epoch)
            self._epoch, self._order = epoch, torch.randperm(self.n, generator=random)
        return self._order[place * self.batch_size : (place + 1) * self.batch_size]
