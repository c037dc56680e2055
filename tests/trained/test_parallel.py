"""Several processes do what one does with the same batch; other devices get nothing that lies on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, distributed, nn

from study.provenance import ROOT
from trained import parallel
from trained.batch_norm import BatchNorm
from trained.checkpoint import MODEL_FILE, read
from trained.config import override
from trained.configurations import named_config
from trained.families import family_of
from trained.latent import AutoregressiveLatent
from trained.neuron import Membrane
from trained.runs import run_folder, train
from trained.training import METRICS_FILE, AbstractTrainer

N = 2


def torchrun(*arguments: str) -> None:
    """Run a module in N processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={N}", "-m"]
    done = subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr


def threads_of_connections() -> list[str]:
    """Return the names of the threads that carry messages between processes (Linux; elsewhere none)."""
    names = [task.read_text().strip() for task in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if "gloo" in name]


def compare_pieces() -> None:
    """Batch norm, gather and mean over N processes against one: values and gradients (in every process)."""
    torch.manual_seed(0)
    whole, towards = torch.randn(2, 6, 3, 4, 4, dtype=torch.float64)
    alone, shared = nn.BatchNorm2d(3).double(), BatchNorm(3).double()
    x, y = (t.clone().requires_grad_() for t in (whole, whole))
    expected = (alone(x) * towards).mean()
    expected.backward()
    with parallel.processes(torch.device("cpu")):
        found = parallel.mean((shared(parallel.part(y)) * parallel.part(towards)).mean())
        found.backward()
        # every process has the gradient of its part of N losses, each a mean over processes
        assert torch.allclose(parallel.part(y.grad), parallel.part(x.grad) * N)
        assert torch.allclose(found, expected)
        for name, value in alone.state_dict().items():
            assert torch.allclose(shared.state_dict()[name].to(value.dtype), value), name
        rates = whole[:, 0, 0].clone().requires_grad_()
        parallel.gather(parallel.part(rates)).square().sum().backward()
        assert torch.allclose(parallel.part(rates.grad), parallel.part(2 * N * rates.detach()))
        random = [torch.Generator().manual_seed(1) for _ in range(2)]
        drawn = parallel.draw(torch.rand, (5, 2), random[0], axis=1)
        assert torch.equal(drawn, parallel.part(torch.rand(5, 2 * N, generator=random[1]), axis=1))
        with pytest.raises(ValueError, match="a batch of 3 cannot be divided among 2 processes"):
            parallel.part(torch.zeros(3))
        replica = parallel.replicate(nn.Linear(4, 1))
        replica(whole[:, 0, 0].float()).sum().backward()
        assert len(threads_of_connections()) > 0 or not Path("/proc").exists()
        del replica
    assert not distributed.is_initialized()
    assert threads_of_connections() == []  # one that runs while Python ends aborts the process, now and then


def train_and_look() -> None:
    """Train by the command line's words, then look for what a trained model must not leave behind."""
    from trained.__main__ import main

    assert main(sys.argv[1:]) == 0
    assert threads_of_connections() == []


def test_pieces() -> None:
    torchrun("tests.trained.test_parallel")


# The GAN's second critic step makes what goes no further than the critic; its penalty goes backward twice.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("tiny-patches/sgad", ("critic_steps=2", "gradient_penalty=1")),
        ("tiny-classifier/alif", ()),
        ("tiny-vae/fsvae", ()),
        ("tiny-vae/esvae", ()),
        ("tiny-vae/ann-vae", ()),
    ],
)
def test_two_processes_have_the_losses_of_one(name: str, changes: tuple[str, ...], tmp_path: Path) -> None:
    """With the same batch; sums in another order change last bits, and those a spike now and then."""
    config = override(named_config(name), changes)
    sets = [word for change in changes for word in ("--set", change)]
    torchrun("tests.trained.test_parallel", "train", "--config", name, *sets, "--out", str(tmp_path / "two"))
    one = train(config, 0, run_folder(tmp_path / "one", config, 0))
    two = run_folder(tmp_path / "two", config, 0)
    assert json.loads(read(two / MODEL_FILE, "model").header["processes"]) == N
    metrics = [
        [json.loads(line) for line in (run / METRICS_FILE).read_text().splitlines()] for run in (one, two)
    ]
    assert len(metrics[0]) == len(metrics[1]) >= 2
    for ours, theirs in zip(*metrics, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3, abs=1e-4)


def test_one_process_needs_no_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with parallel.processes(torch.device("cpu")):
        assert parallel.n_processes() == 1
        assert parallel.is_first()
        whole = torch.arange(3)
        assert parallel.part(whole) is whole
        assert parallel.gather(whole) is whole


def test_families_on_one_cpu_say_so() -> None:
    config = named_config("tiny-ttfs-classifier/s4nn")
    trainer = family_of(config).trainer(config, 0)
    with pytest.raises(ValueError, match="trains in one process on a CPU, not in 1 on meta"):
        trainer.place(torch.device("meta"))


def test_a_missing_gpu_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match=r"--device cuda: process 0 .* but torch sees 0"):
        parallel.device_of_process("cuda")
    with pytest.raises(ValueError, match="--device"):
        parallel.device_of_process("tpu")


# --------------------------------------------------------------------------------------- another device


def updates_elsewhere(name: str) -> None:
    """Do an update on a device that has no memory, only shapes: tensors of two devices in one operation are an error."""
    from torch._subclasses import fake_tensor
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    _setup_privateuseone_for_python_backend("elsewhere")
    torch.elsewhere.get_amp_supported_dtype = lambda: [torch.bfloat16]
    # What needs numbers, and there are none: learned constants as floats, and whether a step is scheduled.
    Membrane._with = lambda self, constants: self._neuron  # type: ignore[method-assign]
    AutoregressiveLatent._scheduled = lambda self, z, probability, random: z  # type: ignore[method-assign]
    config = named_config(name)
    trainer = family_of(config).trainer(config, 0)
    reached = set()

    def descend(optimiser: str, loss: Tensor, term: str) -> None:
        assert loss.device.type == "elsewhere", term
        loss.backward()
        for group in trainer.optimisers[optimiser].param_groups:
            reached.update(id(p) for p in group["params"] if p.grad is not None)

    def to_elsewhere(module: nn.Module) -> None:
        for part in module.modules():
            for tensors in (part._parameters, part._buffers):
                for key, t in tensors.items():
                    if t is not None:
                        made = torch.empty(t.shape, dtype=t.dtype, device="elsewhere")
                        tensors[key] = nn.Parameter(made) if isinstance(t, nn.Parameter) else made

    fake_tensor.CONSTANT_NUMEL_LIMIT = -1  # or single numbers are computed, by kernels that are not there
    with fake_tensor.FakeTensorMode(allow_non_fake_inputs=True):
        to_elsewhere(trainer.model)
        trainer.model._buffers.pop("validation_accuracy", None)  # of classifiers; read as a number, too
        trainer.model.__dict__["validation_accuracy"] = SimpleNamespace(item=float)
        trainer.device = torch.device("elsewhere")
        trainer.descend, trainer.value = descend, lambda loss: 0.0  # type: ignore[method-assign,assignment]
        for optimiser, module in rebuilt_optimisers(trainer).items():
            trainer.optimisers[optimiser] = torch.optim.SGD(module)
        trainer.advance()
    wanted = {id(p) for module in trainer.replicas.values() for p in module.parameters()}
    assert reached == wanted, f"{len(wanted - reached)} parameters without gradient"


def rebuilt_optimisers(trainer: AbstractTrainer) -> dict[str, list[nn.Parameter]]:
    """Return the parameters of every optimiser, by its name."""
    if "critic" in trainer.optimisers:
        return {role: list(getattr(trainer.model, role).parameters()) for role in ("critic", "generator")}
    (module,) = trainer.replicas.values()
    return {"all": list(module.parameters())}


@pytest.mark.parametrize(
    "name",
    ["tiny-patches/sgad", "tiny-classifier/alif", "tiny-vae/fsvae", "tiny-vae/esvae", "tiny-vae/ann-vae"],
)
def test_an_update_keeps_to_its_device(name: str) -> None:
    """Where there is no GPU: shapes and devices of a made-up one (in a process of its own, the device stays registered)."""
    # Without the end of Python: autograd's thread for a device that is not there now and then outlives it and aborts.
    code = (
        f"import os; from tests.trained.test_parallel import updates_elsewhere as f; f({name!r}); os._exit(0)"
    )
    environment = {**os.environ, "STUDY_SCAN": "plain"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


if __name__ == "__main__":
    if len(sys.argv) > 1:
        train_and_look()
    else:
        compare_pieces()
