"""Figures of agreement against other implementations (pingouin, scikit-learn, statsmodels) and published tables."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from calcscan.agree.statistics import (
    bland_altman,
    dice,
    intraclass_correlation,
    pearson,
    proportion,
    rate,
    spearman,
    weighted_kappa,
)

SHROUT_FLEISS = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
"""Table 2 of Shrout and Fleiss 1979."""
VOLUMES = arrays(np.float64, (12, 2), elements=st.integers(0, 4000).map(lambda n: n / 8))


def made(seed: int, n: int = 40, zeros: float = 0.3) -> np.ndarray:
    """Two readings of n studies, many of them 0, skewed as volumes are."""
    random = np.random.default_rng(seed)
    true = random.lognormal(3.5, 1.0, n) * (random.random(n) > zeros)
    return np.stack([true * random.lognormal(0.1, 0.3, n), true * random.lognormal(0, 0.2, n)], axis=1)


def test_the_table_of_shrout_and_fleiss_gives_their_coefficients() -> None:
    found = intraclass_correlation(SHROUT_FLEISS)
    assert found is not None
    assert found.consistency is not None
    assert round(found.agreement.value, 2) == 0.29
    assert round(found.consistency.value, 2) == 0.71
    assert (round(found.agreement.low, 2), round(found.agreement.high, 2)) == (0.02, 0.76)  # R, psych::ICC
    assert (round(found.consistency.low, 2), round(found.consistency.high, 2)) == (0.34, 0.95)


@pytest.mark.parametrize("seed", range(4))
def test_intraclass_correlation_equals_pingouins(seed: int) -> None:
    pandas = pytest.importorskip("pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pingouin = pytest.importorskip("pingouin")
        x = made(seed)
        long = pandas.DataFrame(
            {"study": np.repeat(np.arange(len(x)), 2), "reader": np.tile(["a", "b"], len(x)), "volume": x.ravel()}
        )
        table = pingouin.intraclass_corr(long, targets="study", raters="reader", ratings="volume")
    found = intraclass_correlation(x)
    assert found is not None
    assert found.consistency is not None
    table.index = [str(name).replace("ICC(A,1)", "ICC2").replace("ICC(C,1)", "ICC3") for name in table["Type"]]
    interval = next(name for name in table.columns if name.startswith("CI95"))
    for name, one in (("ICC2", found.agreement), ("ICC3", found.consistency)):
        assert one.value == pytest.approx(table.loc[name, "ICC"], abs=1e-9)
        assert [one.low, one.high] == pytest.approx(list(table.loc[name, interval]), abs=0.0051)  # rounded by pingouin


@pytest.mark.parametrize("seed", range(3))
def test_limits_of_agreement_equal_their_definition_by_statsmodels(seed: int) -> None:
    sm = pytest.importorskip("statsmodels.stats.weightstats")
    x = made(seed)
    found = bland_altman(x[:, 0], x[:, 1])
    told = sm.DescrStatsW(x[:, 0] - x[:, 1])
    assert found is not None
    assert found.bias.value == pytest.approx(told.mean)
    assert (found.bias.low, found.bias.high) == pytest.approx(told.tconfint_mean(0.05))
    sd = np.sqrt(told.var_ddof(1))
    assert found.sd == pytest.approx(sd)
    assert found.loa_low is not None
    assert found.loa_high is not None
    assert found.loa_low.value == pytest.approx(told.mean - 1.96 * sd)
    assert found.loa_high.value == pytest.approx(told.mean + 1.96 * sd)
    half = found.loa_high.high - found.loa_high.value
    assert half == pytest.approx((found.bias.high - told.mean) * np.sqrt(3))  # Bland and Altman 1986


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
@pytest.mark.parametrize("seed", range(3))
def test_kappa_equals_those_of_scikit_learn_and_statsmodels(seed: int, weights: str) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    random = np.random.default_rng(seed)
    a = random.integers(0, 4, 80)
    b = np.clip(a + random.integers(-1, 2, 80), 0, 3)
    table = np.zeros((4, 4), int)
    np.add.at(table, (a, b), 1)
    found = weighted_kappa(table, weights)
    assert found is not None
    assert found.value == pytest.approx(metrics.cohen_kappa_score(a, b, weights=weights))
    told = inter_rater.cohens_kappa(table, wt=weights)
    assert found.value == pytest.approx(told.kappa)
    assert (found.low, found.high) == pytest.approx((told.kappa_low, told.kappa_upp))


@pytest.mark.parametrize("seed", range(3))
def test_correlations_equal_their_definition_and_scipys_interval(seed: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    x = made(seed, zeros=0.1)
    found = spearman(x[:, 0], x[:, 1])
    ranks = stats.rankdata(x, axis=0)
    centred = ranks - ranks.mean(axis=0)
    assert found is not None
    assert found.value == pytest.approx(
        float((centred[:, 0] * centred[:, 1]).sum() / np.sqrt((centred**2).sum(axis=0).prod()))
    )
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    linear = pearson(x[:, 0], x[:, 1])
    assert linear is not None
    assert linear.value == pytest.approx(np.corrcoef(x.T)[0, 1])
    told = stats.pearsonr(x[:, 0], x[:, 1]).confidence_interval(0.95)
    assert (linear.low, linear.high) == pytest.approx((told.low, told.high))


@pytest.mark.parametrize(("part", "whole"), [(0, 5), (3, 7), (20, 20), (838, 1000)])
def test_a_proportions_interval_equals_statsmodels(part: int, whole: int) -> None:
    of = pytest.importorskip("statsmodels.stats.proportion")
    found = proportion(part, whole)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(of.proportion_confint(part, whole, method="wilson"), abs=1e-12)


@pytest.mark.parametrize(("count", "heads"), [(0, 10), (7, 20), (120, 100)])
def test_a_rates_interval_equals_statsmodels(count: int, heads: int) -> None:
    of = pytest.importorskip("statsmodels.stats.rates")
    found = rate(count, heads)
    assert found is not None
    told = of.confint_poisson(count, heads, method="exact-c")
    assert (found.low, found.high) == pytest.approx(tuple(np.nan_to_num(told)))


def test_what_is_not_defined_is_none_and_never_a_number() -> None:
    nothing = np.zeros(0)
    assert bland_altman(nothing, nothing) is None
    assert intraclass_correlation(np.zeros((5, 2))) is None
    assert intraclass_correlation(np.ones((1, 2))) is None
    assert spearman(np.ones(5), np.arange(5.0)) is None
    assert pearson(np.ones(5), np.arange(5.0)) is None
    assert proportion(0, 0) is None
    assert rate(0, 0) is None
    assert dice(0, 0, 0) is None
    assert weighted_kappa(np.zeros((4, 4)), "linear") is None
    assert weighted_kappa(np.diag([7, 0, 0, 0]), "quadratic") is None


def test_readers_that_differ_by_a_constant_are_consistent_and_do_not_agree_fully() -> None:
    x = np.array([10.0, 20.0, 40.0, 80.0])
    found = intraclass_correlation(np.stack([x, x + 30], axis=1))
    assert found is not None
    assert found.consistency is not None
    assert found.consistency.value == 1
    assert found.agreement.value < 0.8
    only_readers = intraclass_correlation(np.array([[1.0, 2.0]] * 4))
    assert only_readers is not None
    assert only_readers.consistency is None
    assert only_readers.agreement.value == 0


def test_the_same_reading_twice_agrees_fully_without_an_interval() -> None:
    x = made(1)[:, 0]
    found = intraclass_correlation(np.stack([x, x], axis=1))
    assert found is not None
    assert (found.agreement.value, found.agreement.low, found.agreement.high) == (1.0, None, None)


def test_other_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="linear or quadratic"):
        weighted_kappa(np.eye(2), "cubic")


@given(VOLUMES)
def test_swapping_the_readers_turns_the_bias_round_and_leaves_the_coefficients(x: np.ndarray) -> None:
    one, other = bland_altman(*x.T), bland_altman(*x[:, ::-1].T)
    assert one is not None
    assert other is not None
    assert one.bias.value == pytest.approx(-other.bias.value)
    assert one.loa_low is not None
    assert other.loa_high is not None
    assert one.loa_low.value == pytest.approx(-other.loa_high.value)
    icc, swapped = intraclass_correlation(x), intraclass_correlation(x[:, ::-1])
    assert (icc is None) == (swapped is None)
    if icc is not None and swapped is not None:
        assert icc.agreement.value == pytest.approx(swapped.agreement.value)
    rank, swapped_rank = spearman(*x.T), spearman(*x[:, ::-1].T)
    assert (rank is None) == (swapped_rank is None)
    if rank is not None and swapped_rank is not None:
        assert rank.value == pytest.approx(swapped_rank.value)


@given(VOLUMES, st.randoms(use_true_random=False), st.integers(1, 50))
def test_the_order_of_studies_and_the_unit_make_no_difference(x: np.ndarray, random, factor: int) -> None:
    order = list(range(len(x)))
    random.shuffle(order)
    icc, other = intraclass_correlation(x), intraclass_correlation(x[order] * factor)
    assert (icc is None) == (other is None)
    if icc is not None and other is not None:
        assert icc.agreement.value == pytest.approx(other.agreement.value)
        assert icc.agreement.value <= 1
        if icc.agreement.low is not None and other.agreement.low is not None:
            assert icc.agreement.low <= icc.agreement.value <= icc.agreement.high + 1e-9
            assert icc.agreement.low == pytest.approx(other.agreement.low, abs=1e-9)


@given(arrays(np.int64, (4, 4), elements=st.integers(0, 30)))
def test_kappa_is_the_same_from_either_side_and_at_most_one(table: np.ndarray) -> None:
    for weights in ("linear", "quadratic"):
        one, other = weighted_kappa(table, weights), weighted_kappa(table.T, weights)
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            assert one.value == pytest.approx(other.value)
            assert one.value <= 1
            assert one.low is None or one.low <= one.value <= one.high
