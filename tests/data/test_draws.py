from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from epochal.data.draws import Draws, _mix_words, key_integer, mix_


def draws(samples: Tensor | int = 4096, seed: int = 1, epoch: int = 0, stream: int = 1) -> Draws:
    rows = torch.arange(samples) if isinstance(samples, int) else samples
    return Draws(seed, epoch, rows, stream)


def chi_square(counts: Tensor) -> float:
    """Pearson's statistic against equal counts, in standard deviations of its distribution."""
    expected = counts.sum() / counts.numel()
    freedom = counts.numel() - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / math.sqrt(2 * freedom))


def test_words_never_change() -> None:
    """A run is repeated years later with the same numbers, so these are frozen."""
    words = Draws(7, 3, torch.tensor([0, 1, 60000]), stream=2).words(5, 2)
    assert words.tolist() == [
        [-8034627873644621937, 3908302979749822328],
        [4812129532178300565, 5814589865774981561],
        [7302668511633024682, -890319321939243941],
    ]
    assert [key_integer(0), key_integer(1, 2, 3)] == [8147104208329303767, 1434657543605386066]


def test_uniform_and_integers_never_change() -> None:
    fixed = Draws(7, 3, torch.tensor([0, 1, 60000]), stream=2)
    assert [round(value * 2**24) for value in fixed.uniform(0)[:, 0].tolist()] == [5863587, 1595837, 15375733]
    assert fixed.integers(1, 10, 4).tolist() == [[0, 9, 7, 3], [2, 8, 2, 5], [4, 1, 0, 1]]


def test_a_samples_draws_do_not_depend_on_its_batch() -> None:
    whole, rows = draws(64), torch.tensor([40, 3, 17])
    part = draws(rows)
    assert torch.equal(part.words(2, 5), whole.words(2, 5)[rows])
    assert torch.equal(part.uniform(0, -2, 3), whole.uniform(0, -2, 3)[rows])
    assert torch.equal(part.integers(1, 9), whole.integers(1, 9)[rows])


def test_the_order_of_calls_and_their_counts_do_not_matter() -> None:
    first, second = draws(8), draws(8)
    early = first.uniform(0, count=2)
    second.words(9, 3)
    second.of(7).uniform(0)
    assert torch.equal(second.uniform(0, count=6)[:, :2], early)


def test_of_gives_the_draws_of_another_stream() -> None:
    assert torch.equal(draws(16, stream=1).of(5).words(0), draws(16, stream=5).words(0))


def test_every_part_of_the_key_changes_the_draws() -> None:
    base = draws(1000).uniform(0)[:, 0]
    others = [
        draws(1000, seed=2).uniform(0),
        draws(1000, epoch=1).uniform(0),
        draws(1000, stream=2).uniform(0),
        draws(1000).uniform(1),
        draws(1000).uniform(0, count=2)[:, 1:],
        draws(torch.arange(1, 1001)).uniform(0),
        draws(torch.arange(1000) + 2**32).uniform(0),
    ]
    for other in others:
        correlation = np.corrcoef(base.numpy(), other[:, 0].numpy())[0, 1]
        assert abs(correlation) < 4 / math.sqrt(1000)


def test_no_two_words_of_many_keys_are_equal() -> None:
    words = [
        draws(500, seed=seed, epoch=epoch, stream=stream).words(draw, 4)
        for seed in range(3)
        for epoch in range(4)
        for stream in range(4)
        for draw in range(3)
    ]
    everything = torch.cat(words).flatten()
    assert len(set(everything.tolist())) == len(everything)


@pytest.mark.parametrize("bit", [0, 17, 31, 40, 63])
def test_each_bit_of_a_word_is_fair(bit: int) -> None:
    ones = ((draws(4096).words(0, 16) >> bit) & 1).double().mean()
    assert abs(float(ones) - 0.5) < 4 * 0.5 / math.sqrt(4096 * 16)


def test_uniform_is_uniform_across_samples_epochs_and_draws() -> None:
    across = {
        "samples": draws(20_000).uniform(0)[:, 0],
        "columns": draws(2).uniform(0, count=10_000).flatten(),
        "epochs": torch.cat([draws(20, epoch=epoch).uniform(0)[:, 0] for epoch in range(500)]),
        "calls": torch.cat([draws(20).uniform(call)[:, 0] for call in range(500)]),
    }
    for name, values in across.items():
        assert float(values.min()) >= 0
        assert float(values.max()) < 1
        counts = torch.histc(values, bins=64, min=0, max=1)
        assert abs(chi_square(counts)) < 5, name


def test_neighbouring_samples_and_draws_are_independent() -> None:
    """Pairs fill the square evenly: (sample, next sample), (draw, next draw), (epoch, next epoch)."""
    now = draws(20_000).uniform(0, count=2)
    pairs = [
        (now[:-1, 0], now[1:, 0]),
        (now[:, 0], now[:, 1]),
        (now[:, 0], draws(20_000).uniform(1)[:, 0]),
        (now[:, 0], draws(20_000, epoch=1).uniform(0)[:, 0]),
        (now[:, 0], draws(20_000, stream=2).uniform(0)[:, 0]),
    ]
    for first, second in pairs:
        cells = (first * 8).long() * 8 + (second * 8).long()
        assert abs(chi_square(torch.bincount(cells, minlength=64).float())) < 5


def test_uniform_keeps_to_its_range() -> None:
    values = draws(4096).uniform(0, -3.0, 5.0)
    assert float(values.min()) >= -3
    assert float(values.max()) <= 5
    assert float(values.mean()) == pytest.approx(1, abs=0.2)


def test_chance_is_true_as_often_as_asked() -> None:
    for probability in (0.0, 0.1, 0.5, 1.0):
        share = float(draws(20_000).chance(0, probability).double().mean())
        assert share == pytest.approx(probability, abs=4 * math.sqrt(0.25 / 20_000))
    assert not draws(100).chance(0, 0.0).any()
    assert draws(100).chance(0, 1.0).all()


def test_integers_are_even_below_their_bound() -> None:
    counts = torch.bincount(draws(21_000).integers(0, 7)[:, 0])
    assert len(counts) == 7
    assert abs(chi_square(counts.float())) < 5


def test_integers_take_a_bound_for_each_sample() -> None:
    bounds = torch.arange(1, 101)[:, None]
    values = draws(100).integers(0, bounds, count=50)
    assert (values >= 0).all()
    assert (values < bounds).all()
    assert (values[50:].max(1).values > bounds[50:, 0] * 0.8).all()


def test_keys_of_generators_fit_in_63_bits_and_differ() -> None:
    keys = [key_integer(seed, epoch) for seed in range(100) for epoch in range(100)]
    assert len(set(keys)) == len(keys)
    assert min(keys) >= 0
    assert max(keys) < 2**63
    assert key_integer(1, 2) != key_integer(2, 1)


def test_devices_and_the_cpu_mix_words_alike() -> None:
    words = np.random.default_rng(0).integers(0, 2**64, 1000, dtype=np.uint64)
    on_devices = mix_(torch.from_numpy(words.view(np.int64).copy()))
    assert np.array_equal(on_devices.numpy().view(np.uint64), _mix_words(words.copy()))
