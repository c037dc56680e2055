"""Decoders against their formulas written out."""

from __future__ import annotations

import pytest
import torch

from trained.decoder import ATTENTION_WIDTH, DECODERS, build_decoder


def attention_written_out(decoder, frames: torch.Tensor) -> torch.Tensor:
    x = frames.flatten(2)
    v = x[0]

    def seen(image):
        return image if decoder.features is None else decoder.features(image).clamp(min=0)

    for t in range(1, len(x)):
        q = decoder.query(seen(v if decoder.query_from == "previous" else x[t]))
        scores = torch.stack([(q * decoder.key(seen(v))).sum(1), (q * decoder.key(seen(x[t]))).sum(1)], 1)
        a = torch.softmax(scores / ATTENTION_WIDTH**0.5, 1)
        v = a[:, :1] * v + a[:, 1:] * x[t]
    return v.reshape(frames.shape[1:])


@pytest.mark.parametrize("n_features", [0, 20])
@pytest.mark.parametrize("name", ["attention", "attention-current"])
def test_attention_equals_its_formula(name: str, n_features: int) -> None:
    torch.manual_seed(0)
    decoder = build_decoder(name, 36, n_features=n_features).double()
    frames = torch.rand(8, 3, 1, 6, 6, dtype=torch.float64) * 5
    expected = attention_written_out(decoder, frames)
    torch.testing.assert_close(decoder(frames), expected, rtol=1e-12, atol=1e-13)
    assert decoder.frame_weight.shape == (7, 3)


def test_the_two_query_conventions_differ() -> None:
    torch.manual_seed(0)
    frames = torch.rand(8, 3, 1, 6, 6) * 5
    a = build_decoder("attention", 36)
    b = build_decoder("attention-current", 36)
    b.load_state_dict(a.state_dict())
    assert not torch.allclose(a(frames), b(frames))


def test_last_and_mean() -> None:
    frames = torch.rand(8, 3, 1, 6, 6)
    assert torch.equal(build_decoder("last", 36)(frames), frames[-1])
    torch.testing.assert_close(build_decoder("mean", 36)(frames), frames.sum(0) / 8)


@pytest.mark.parametrize(
    "name", sorted(DECODERS.keys() - {"decaying-sum", "leaky-sum", "learned-sum", "taid", "taid-paper"})
)
def test_equal_frames_decode_to_themselves(name: str) -> None:
    frame = torch.rand(1, 3, 1, 6, 6)
    decoder = build_decoder(name, 36, n_steps=8)
    torch.testing.assert_close(decoder(frame.expand(8, -1, -1, -1, -1)), frame[0])


def test_decaying_sum_is_the_last_membrane_of_a_leaky_integrator() -> None:
    frames = torch.randn(16, 3, 1, 6, 6, dtype=torch.float64)
    u = torch.zeros_like(frames[0])
    for x in frames:
        u = 0.8 * u + x
    decoder = build_decoder("decaying-sum", 36, n_steps=16, activation="tanh_sum").double()
    torch.testing.assert_close(decoder(frames), u, rtol=1e-6, atol=1e-6)  # weights are rounded to float32
    torch.testing.assert_close(decoder.decode(frames), (torch.tanh(decoder(frames)) + 1) / 2)
    assert decoder.weights.sum() == pytest.approx(4.859, abs=5e-4)  # computed apart


def test_taid_equals_its_formula_written_out() -> None:
    torch.manual_seed(0)
    frames = torch.randn(8, 3, 2, 6, 6, dtype=torch.float64)
    decoder = build_decoder("taid", 72, n_steps=8, n_channels=2, activation="tanh_sum").double()
    w = decoder.excite.weight
    expected = torch.zeros(3, 2, 6, 6, dtype=torch.float64)
    for b in range(3):
        for c in range(2):
            s = torch.stack([frames[t, b, c].mean() for t in range(8)])
            for t in range(8):
                expected[b, c] += torch.sigmoid((w[t] * s).sum()) * frames[t, b, c]
    torch.testing.assert_close(decoder(frames), expected)
    torch.testing.assert_close(
        decoder(frames.flatten(2)), expected.flatten(1)
    )  # as flat as a trace gives them


def test_taid_begins_with_gates_near_a_half() -> None:
    torch.manual_seed(0)
    decoder = build_decoder("taid", 36, n_steps=16)
    assert sum(p.numel() for p in decoder.parameters()) == 256
    gates = decoder.gates(torch.rand(16, 5, 1, 6, 6))
    assert gates.shape == (16, 5, 1)
    assert gates.mean().item() == pytest.approx(0.5, abs=0.1)


def test_the_papers_taid_averages_and_shares_its_gates_among_channels() -> None:
    torch.manual_seed(0)
    decoder = build_decoder("taid-paper", 72, n_steps=8, n_channels=2)
    frames = torch.randn(8, 3, 2, 6, 6)
    gates = decoder.gates(frames)
    assert torch.equal(gates[..., 0], gates[..., 1])
    torch.testing.assert_close(decoder(frames), (gates[..., None, None] * frames).mean(0))
    with pytest.raises(ValueError, match="'taid-paper' cannot be exported; train with decoder=taid"):
        decoder.export()


def test_static_weights_are_learned_only_where_they_should_be() -> None:
    learned = {
        n: build_decoder(n, 36, n_steps=4).weights.requires_grad
        for n in ("decaying-sum", "uniform-sum", "learned-sum")
    }
    assert learned == {"decaying-sum": False, "uniform-sum": False, "learned-sum": True}


def test_unknown_decoder_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown decoder 'atention': did you mean 'attention'\?"):
        build_decoder("atention", 36)
