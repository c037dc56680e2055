"""Decoders against their formulas written out."""

from __future__ import annotations

import pytest
import torch

from trained.decoder import ATTENTION_WIDTH, DECODERS, build_decoder


def attention_written_out(decoder, frames: torch.Tensor) -> torch.Tensor:
    x = frames.flatten(2)
    v = x[0]
    for t in range(1, len(x)):
        q = decoder.query(v if decoder.query_from == "previous" else x[t])
        scores = torch.stack([(q * decoder.key(v)).sum(1), (q * decoder.key(x[t])).sum(1)], 1)
        a = torch.softmax(scores / ATTENTION_WIDTH**0.5, 1)
        v = a[:, :1] * v + a[:, 1:] * x[t]
    return v.reshape(frames.shape[1:])


@pytest.mark.parametrize("name", ["attention", "attention-current"])
def test_attention_equals_its_formula(name: str) -> None:
    torch.manual_seed(0)
    decoder = build_decoder(name, 36).double()
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


@pytest.mark.parametrize("name", sorted(DECODERS))
def test_equal_frames_decode_to_themselves(name: str) -> None:
    frame = torch.rand(1, 3, 1, 6, 6)
    torch.testing.assert_close(build_decoder(name, 36)(frame.expand(8, -1, -1, -1, -1)), frame[0])


def test_unknown_decoder_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown decoder 'atention': did you mean 'attention'\?"):
        build_decoder("atention", 36)
