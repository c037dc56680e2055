"""The compiled scan, the plain one and a loop that torch differentiates are the same function, gradients included."""

from __future__ import annotations

import ctypes
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from study.network import LIF, LeakyIntegrator
from trained import scan_kernel, scan_plain
from trained.scan import scan
from trained.scan_plain import Rule
from trained.surrogate import SURROGATES, FastSigmoid, Rectangle

HARD = LIF(0.5, 0.5)
SOFT = LIF(0.8, 0.3, v_threshold=0.7, reset="soft", threshold_rule=">=")
AWAY = LIF(0.9, 1.0, v_threshold=0.4, v_reset=-0.1)
RULES = [
    *(Rule(HARD, surrogate) for surrogate in SURROGATES.values()),
    *(Rule(neuron, SURROGATES["atan"], detach) for neuron in (SOFT, AWAY) for detach in (True, False)),
    Rule(LIF(0.25, 1.0, v_threshold=0.2), SURROGATES["window-zero"], detach_reset=False),
    Rule(LeakyIntegrator(0.7, 0.3), SURROGATES["atan"]),
]
N_STEPS = 9
compiled = pytest.mark.skipif(scan_kernel.library() is None, reason="the scan cannot be compiled here")


def current(dtype: torch.dtype = torch.float64, shape: tuple[int, ...] = (N_STEPS, 3, 1000)) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return (torch.randn(shape, generator=random, dtype=torch.float64) * 2).to(dtype)


def constants_of(rule: Rule) -> Tensor:
    numbers = (rule.neuron.decay, rule.neuron.gain, getattr(rule.neuron, "v_threshold", 0.0))
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


def gradients(out: Tensor, *inputs: Tensor) -> list[Tensor]:
    random = torch.Generator().manual_seed(1)
    weight = torch.randn(out.shape, generator=random, dtype=torch.float64).to(out.dtype)
    return [out.detach(), *torch.autograd.grad(out, inputs, weight)]


@pytest.fixture(params=["compiled", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    if request.param == "plain":
        monkeypatch.setattr(scan_kernel, "usable", lambda _: False)
    elif scan_kernel.library() is None:
        pytest.skip("the scan cannot be compiled here")
    return request.param


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_scan_and_its_gradients_are_those_of_the_loop(way: str, rule: Rule) -> None:
    results = []
    for run in (scan, lambda x, rule, constants: scan_plain.loop(x, N_STEPS, rule, constants)):
        x, constants = current().requires_grad_(), constants_of(rule)
        results.append(gradients(run(x, rule, constants=constants), x, constants))
    assert torch.equal(results[0][0], results[1][0])
    if isinstance(rule.neuron, LIF):
        assert 0.02 < results[0][0].mean() < 0.9
    for ours, theirs in zip(results[0][1:], results[1][1:], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
        assert ours.abs().max() > 1e-3


@compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_compiled_scan_gives_the_bits_of_the_plain_one(rule: Rule, dtype: torch.dtype) -> None:
    x, grad = current(dtype), current(dtype).flip(0)
    assert torch.equal(scan_kernel.forward(x, N_STEPS, rule), scan_plain.forward(x, N_STEPS, rule))
    ours, theirs = (m.backward(x, grad, rule, learn=False)[0] for m in (scan_kernel, scan_plain))
    if rule.surrogate.kind == "sigmoid":  # its exponential is another library's
        torch.testing.assert_close(ours, theirs)
    else:
        assert torch.equal(ours, theirs)


@compiled
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_membrane_at_the_threshold_is_treated_alike(dtype: torch.dtype) -> None:
    near = torch.nextafter(torch.tensor(1.0), torch.tensor([0.0, 1.0, 2.0])).to(dtype).reshape(1, 1, 3)
    for rule, expected in ((">", [0, 0, 1]), (">=", [0, 1, 1])):
        out = scan(near, Rule(LIF(0.5, 1.0, threshold_rule=rule), SURROGATES["atan"])).flatten()
        if dtype != torch.bfloat16:  # there all three are 1
            assert out.tolist() == expected
        else:
            assert out.tolist() == [expected[1]] * 3


@compiled
def test_bfloat16_keeps_its_membrane_in_float32() -> None:
    rule = Rule(AWAY, SURROGATES["atan"])
    x = current(torch.bfloat16)
    assert torch.equal(scan(x, rule).float(), scan(x.float(), rule))


def test_the_number_of_threads_changes_nothing(way: str) -> None:
    rule, before = Rule(SOFT, SURROGATES["atan"], detach_reset=False), torch.get_num_threads()
    results = []
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            x, constants = current(torch.float32, (N_STEPS, 7, 999)).requires_grad_(), constants_of(rule)
            results.append(gradients(scan(x, rule, constants=constants), x, constants))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


@pytest.mark.parametrize("rule", RULES[:1] + RULES[-3:], ids=str)
def test_a_constant_current_is_one_step(way: str, rule: Rule) -> None:
    one, constants = current()[:1].requires_grad_(), constants_of(rule)
    ours = gradients(scan(one, rule, N_STEPS, constants), one, constants)
    theirs = gradients(scan(one.expand(N_STEPS, -1, -1), rule, constants=constants), one, constants)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_units_may_lie_in_any_order(way: str) -> None:
    rule, values = Rule(HARD, SURROGATES["atan"]), current(torch.float32, (N_STEPS, 2, 3, 5, 4))
    folded = values.flatten(0, 1)
    layouts = {
        "channels last": folded.to(memory_format=torch.channels_last).unflatten(0, (N_STEPS, 2)),
        "time last": values.movedim(0, -1).contiguous().movedim(-1, 0),
        "every other": values.repeat_interleave(2, dim=3)[..., ::2, :],
    }
    expected = gradients(scan(values.requires_grad_(), rule), values)
    for name, x in layouts.items():
        x = x.detach().requires_grad_()
        assert torch.equal(x, values), name
        for ours, theirs in zip(gradients(scan(x, rule), x), expected, strict=True):
            assert torch.equal(ours, theirs), name


@pytest.mark.parametrize("rule", [RULES[0], RULES[6], RULES[-1]], ids=str)
def test_gradients_can_be_differentiated_again(way: str, rule: Rule) -> None:
    def penalty(run: object) -> list[Tensor]:
        x, constants = current(shape=(N_STEPS, 2, 5)).requires_grad_(), constants_of(rule)
        y = run(x * x, constants)  # type: ignore[operator]
        (slope,) = torch.autograd.grad(y.square().sum() + y.sum(), x, create_graph=True)
        return list(torch.autograd.grad(slope.square().sum(), (x, constants)))

    ours = penalty(lambda x, constants: scan(x, rule, constants=constants))
    theirs = penalty(lambda x, constants: scan_plain.loop(x, N_STEPS, rule, constants))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
        assert a.abs().max() > 0


def test_an_empty_batch_is_no_trouble(way: str) -> None:
    x = torch.zeros(4, 0, 3, requires_grad=True)
    scan(x, RULES[0]).sum().backward()
    assert x.grad is not None
    assert x.grad.shape == (4, 0, 3)


def test_numbers_that_are_no_current_are_refused() -> None:
    with pytest.raises(ValueError, match=r"current is torch\.int64; floating-point numbers are needed"):
        scan(torch.ones(4, 1, 1, dtype=torch.int64), RULES[0])
    with pytest.raises(ValueError, match="current has 4 steps; it must have 1 or n_steps = 5"):
        scan(torch.ones(4, 1, 1), RULES[0], n_steps=5)
    with pytest.raises(ValueError, match="width of the surrogate gradient is 0; it must be above 0"):
        Rectangle(width=0)
    with pytest.raises(ValueError, match="centre of the rectangle"):
        Rectangle(centre="peak")


def test_surrogates_have_their_closed_forms() -> None:
    h = torch.tensor([-0.6, 0.05, 0.2, 0.45, 0.9], dtype=torch.float64)
    u = h - 0.2
    expected = {
        "atan": 1 / (1 + (torch.pi * u) ** 2),
        "window-zero": torch.tensor([0, 1, 1, 1, 0]).double(),  # FSVAE's code: 1 where |H| < 0.5
        "window-threshold": torch.tensor([0, 0, 5, 0, 0]).double(),
        "sigmoid": 4 * torch.sigmoid(4 * u) * (1 - torch.sigmoid(4 * u)),
        "fast-sigmoid": 1 / (1 + 25 * u.abs()) ** 2,
    }
    assert set(expected) == set(SURROGATES)
    for name, values in expected.items():
        torch.testing.assert_close(SURROGATES[name].derivative(h, 0.2), values)
    assert FastSigmoid(2.0).derivative(torch.tensor(1.7), 0.2).item() == pytest.approx(1 / 16)


# ------------------------------------------------------------------------------------------------------- compilation


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for a compiler, that writes down how it was called, and a cache folder of its own."""
    script = tmp_path / "compiler"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nwhile [ $# -gt 0 ]; do\n'
        '  if [ "$1" = -o ]; then echo built > "$2"; fi\n  shift\ndone\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return script


def test_it_is_compiled_once(compiler: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = scan_kernel.built(str(compiler), "-fopenmp")
    assert first.read_text() == "built\n"
    assert first.parent == compiler.parent / "cache" / "spiking-generators-mouse"
    assert "once on this computer" in capsys.readouterr().err
    assert scan_kernel.built(str(compiler), "-fopenmp") == first
    assert capsys.readouterr().err == ""
    calls = (compiler.parent / "calls").read_text().splitlines()
    assert [("-dM" in c, "-c " in c, "-shared" in c) for c in calls] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
        (True, False, False),
    ]
    assert {path.suffix for path in first.parent.iterdir()} == {".so", ".lock"}


def test_other_source_flags_or_instruction_set_are_another_file(
    compiler: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = scan_kernel.built(str(compiler), "-fopenmp")
    compiler.write_text(compiler.read_text() + "echo '#define __AVX512F__ 1'\n")
    second = scan_kernel.built(str(compiler), "-fopenmp")
    changed = tmp_path / "scan.cpp"
    changed.write_text(scan_kernel.SOURCE.read_text() + "// changed\n")
    monkeypatch.setattr(scan_kernel, "SOURCE", changed)
    third, fourth = (scan_kernel.built(str(compiler), threading) for threading in scan_kernel.THREADING)
    assert len({first, second, third, fourth}) == 4


@pytest.mark.parametrize("trouble", ["absent", "fails", "writes nonsense"])
def test_without_a_compiled_scan_one_warning_and_the_plain_one(
    trouble: str, compiler: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if trouble == "fails":
        compiler.write_text("#!/bin/sh\necho cannot compile today >&2\nexit 1\n")
    monkeypatch.setenv("CXX", "/nowhere/g++" if trouble == "absent" else str(compiler))
    scan_kernel.library.cache_clear()
    try:
        out = scan(current(), RULES[0])
        assert not scan_kernel.usable(current())
        printed = capsys.readouterr().err
    finally:
        monkeypatch.delenv("CXX")
        scan_kernel.library.cache_clear()
    reason = {"absent": "/nowhere/g++", "fails": "cannot compile today", "writes nonsense": "scan-"}[trouble]
    assert printed.count("neurons run in plain torch") == 1
    assert reason in printed
    assert torch.equal(out, scan_plain.forward(current(), N_STEPS, RULES[0]))


@compiled
def test_no_second_openmp_runtime_is_loaded() -> None:
    library = scan_kernel.library()
    assert isinstance(library, ctypes.CDLL)
    assert b"libgomp" not in Path(library._name).read_bytes()
