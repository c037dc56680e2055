"""What a time-to-first-spike run can be asked, one independent field per choice."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from study.commands import unknown
from trained.config import RunConfig, at_least
from trained.ttfs.neuron import FirstSpikeRule
from trained.ttfs.objective import OBJECTIVES


@dataclasses.dataclass(frozen=True)
class TTFSConfig(RunConfig):
    """What classifier and GAN share.

    Parameters
    ----------
    t_max : int
        Steps of the window.
    v_threshold : float
        Of every layer.
    latency : 0 or 1
        Steps that a spike takes to the next layer: 0 as in the report that accompanies Spiking-GAN, 1 as in S4NN's
        released code. With 0, a unit that fires in the very step in which its input came learns nothing from that
        input, for the rule asks t_i < t_j.
    threshold_rule : ">" or ">="
    n_hidden : int
    margin : float
        gamma, steps by which the other outputs shall be later than the first.
    """

    image_size: int = 28
    t_max: int = 256
    v_threshold: float = 100.0
    latency: int = 1
    threshold_rule: str = ">="
    n_hidden: int = 400
    margin: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "n_hidden")
        if not 0 <= self.margin < self.t_max:
            raise ValueError(f"margin is {self.margin} steps; allowed is 0 to below t_max = {self.t_max}.")
        _ = self.rule  # its own checks

    @property
    def rule(self) -> FirstSpikeRule:
        """The neurons of every layer."""
        return FirstSpikeRule(self.v_threshold, self.t_max, self.latency, self.threshold_rule)


@dataclasses.dataclass(frozen=True)
class TTFSClassifierConfig(TTFSConfig):
    """A classifier of two layers: the class of the output that fires first.

    Parameters
    ----------
    objective : str
        Targets of the output times, see `trained.ttfs.objective.OBJECTIVES`.
    advance : float
        How much earlier than the first spike an aggressive objective wants it, steps or a share of its time.
    normalise : bool
        Whether the gradient of every sample has the same length in every layer, as in S4NN's released code.
    graded : bool
        Whether that length, 1 as a rule, is smaller where S4NN's error is smaller than the margin: ||T - t|| / margin.
    undecided_weight : float
        That length for images that leave all outputs silent. They are rarer than images that a rival comes too close
        to, whose gradient makes rivals later: with the same length, rivals of all classes are driven into silence.
    won_weight : float
        That length for images whose race is won by the margin, to which S4NN's targets give no gradient at all. How
        hard an aggressive objective pulls.
    late_weight : float
        Weight of the hidden spikes after the decision, which an aggressive objective may push out of the window.
    late_if_won : bool
        Whether they are pushed only where the race is won by the margin: elsewhere the error's gradient keeps its
        direction.
    hidden_mean, hidden_sd, output_mean, output_sd : float
        Of the Gaussian initial weights of the two layers, in units of the membrane.
    learning_rate_hidden, learning_rate_output : float
        Of plain gradient descent, per sample (gradients are summed over the batch); fall along a line to 0 at
        `decay_updates`.
    weight_decay : float
        Per image, times the rate: w <- w - rate · weight_decay · w.
    shift : int
        Pixels by which training images are moved at most, up or down and left or right, anew in every epoch.
    decay_updates : int
    n_validation : int
        Training images held out; 0 trains on all.
    """

    objective: str = "s4nn"
    advance: float = 0.0
    normalise: bool = True
    graded: bool = True
    undecided_weight: float = 5.0
    won_weight: float = 0.0
    late_weight: float = 0.0
    late_if_won: bool = False
    hidden_mean: float = 1.0
    hidden_sd: float = 2.0
    output_mean: float = 0.5
    output_sd: float = 5.0
    learning_rate_hidden: float = 0.3
    learning_rate_output: float = 0.1
    weight_decay: float = 0.0
    shift: int = 0
    decay_updates: int = 12000
    n_updates: int = 12000
    batch_size: int = 50
    checkpoint_every: int = 500
    n_validation: int = 0

    family: ClassVar[str] = "ttfs-classifier"

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "decay_updates")
        at_least(self, 0, "n_validation", "shift")
        if self.objective not in OBJECTIVES:
            raise unknown("objective", self.objective, OBJECTIVES)
        if self.graded and not self.margin:
            raise ValueError("graded gradients are measured in margins, but margin is 0; use graded=false.")
        for name in (
            "advance",
            "undecided_weight",
            "won_weight",
            "late_weight",
            "weight_decay",
            "hidden_sd",
            "output_sd",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; 0 or more is allowed.")
