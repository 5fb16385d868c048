"""Agreement of two readings of the same studies: limits of agreement, intraclass correlation, rank correlation,
weighted kappa, proportions and rates with their intervals. Plain arrays in, frozen values out; what is not defined for
the data is None, never 0 or 1.

Intervals are of 95 %, and take studies (or lesions) as independent of each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

LEVEL = 0.95
_Z = float(stats.norm.ppf(0.5 + LEVEL / 2))
LOA_SD = 1.96
"""Limits of agreement lie so many standard deviations from the bias (Bland and Altman 1986)."""
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval; an end is None where the interval is not defined."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlandAltman:
    """Differences `a - b`: their mean, standard deviation and limits of agreement, each limit with its interval."""

    bias: Estimate
    sd: float | None
    loa_low: Estimate | None
    loa_high: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IntraclassCorrelation:
    """Of single readings: `agreement` is ICC(A,1), also called ICC(2,1); `consistency` is ICC(C,1), also ICC(3,1)."""

    agreement: Estimate
    consistency: Estimate | None
    """None where studies do not differ from each other: only the readers do."""


def bland_altman(a: Values, b: Values) -> BlandAltman | None:
    """Bias and limits of agreement (Bland and Altman, Lancet 1986;i:307-310). None without a pair.

    >>> found = bland_altman(np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 2.0]))
    >>> found.bias.value, found.sd, round(found.loa_high.value, 2)
    (1.0, 1.0, 2.96)
    """
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    n = len(difference)
    if n == 0:
        return None
    bias = float(difference.mean())
    if n < 2:
        return BlandAltman(bias=Estimate(value=bias), sd=None, loa_low=None, loa_high=None)
    sd = float(difference.std(ddof=1))
    t = float(stats.t.ppf(0.5 + LEVEL / 2, n - 1))
    of_bias, of_limit = t * sd / math.sqrt(n), t * sd * math.sqrt(3 / n)
    return BlandAltman(
        bias=_around(bias, of_bias),
        sd=sd,
        loa_low=_around(bias - LOA_SD * sd, of_limit),
        loa_high=_around(bias + LOA_SD * sd, of_limit),
    )


def _around(value: float, half: float) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half)


def intraclass_correlation(readings: Values) -> IntraclassCorrelation | None:
    """Two-way intraclass correlation of single readings (Shrout and Fleiss, Psychol Bull 1979;86:420-428; McGraw and
    Wong, Psychol Methods 1996;1:30-46).

    Parameters
    ----------
    readings
        Shape (studies, readers), without gaps.

    Returns
    -------
    IntraclassCorrelation or None
        None with fewer than two studies or readers, or where no reading differs from any other, which leaves it
        undefined. Where each study's readings are the same, it is 1, and the interval, which would have no width, is
        not given.

    Examples
    --------
    >>> shrout_fleiss = np.array(
    ...     [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    >>> found = intraclass_correlation(shrout_fleiss)
    >>> round(found.agreement.value, 2), round(found.consistency.value, 2)
    (0.29, 0.71)
    """
    x = np.asarray(readings, dtype=float)
    n, k = x.shape
    if n < 2 or k < 2 or np.ptp(x) == 0:
        return None
    rows, columns, whole = x.mean(axis=1), x.mean(axis=0), x.mean()
    between_rows = k * float(((rows - whole) ** 2).sum()) / (n - 1)
    if between_rows <= 1e-12 * float((x**2).sum()):
        between_rows = 0.0
    between_columns = n * float(((columns - whole) ** 2).sum()) / (k - 1)
    residual = float(((x - rows[:, None] - columns + whole) ** 2).sum()) / ((n - 1) * (k - 1))
    if residual <= 1e-12 * max(between_rows, between_columns):  # equal but for a constant, to rounding errors
        residual = 0.0
    if between_columns <= 1e-12 * between_rows:
        between_columns = 0.0
    return IntraclassCorrelation(
        agreement=_absolute(between_rows, between_columns, residual, n, k),
        consistency=_consistent(between_rows, residual, n, k),
    )


def _consistent(between_rows: float, residual: float, n: int, k: int) -> Estimate | None:
    if between_rows == residual == 0:
        return None
    value = (between_rows - residual) / (between_rows + (k - 1) * residual)
    if residual == 0:
        return Estimate(value=value)
    f, of = between_rows / residual, (n - 1, (n - 1) * (k - 1))
    f_low = f / float(stats.f.ppf(0.5 + LEVEL / 2, *of))
    f_high = f * float(stats.f.ppf(0.5 + LEVEL / 2, *reversed(of)))
    return Estimate(value=value, low=(f_low - 1) / (f_low + k - 1), high=(f_high - 1) / (f_high + k - 1))


def _absolute(between_rows: float, between_columns: float, residual: float, n: int, k: int) -> Estimate:
    value = (between_rows - residual) / (between_rows + (k - 1) * residual + k * (between_columns - residual) / n)
    if residual == 0 or value >= 1:
        return Estimate(value=min(value, 1.0))
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    freedom = (a * between_columns + b * residual) ** 2 / (
        (a * between_columns) ** 2 / (k - 1) + (b * residual) ** 2 / ((n - 1) * (k - 1))
    )
    up, down = (float(stats.f.ppf(0.5 + LEVEL / 2, *of)) for of in ((n - 1, freedom), (freedom, n - 1)))
    others = k * between_columns + (k * n - k - n) * residual
    return Estimate(
        value=value,
        low=n * (between_rows - up * residual) / (up * others + n * between_rows),
        high=n * (down * between_rows - residual) / (others + n * down * between_rows),
    )


def spearman(a: Values, b: Values) -> Estimate | None:
    """Rank correlation, its interval by Fisher's z with the variance of Bonett and Wright (Psychometrika
    2000;65:23-28). None with fewer than three pairs, or where one side is constant."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    value = float(stats.spearmanr(a, b).statistic)
    if len(a) < 4 or abs(value) >= 1 - 1e-12:
        return Estimate(value=value)
    half = _Z * math.sqrt((1 + value**2 / 2) / (len(a) - 3))
    return Estimate(value=value, low=math.tanh(math.atanh(value) - half), high=math.tanh(math.atanh(value) + half))


def pearson(a: Values, b: Values) -> Estimate | None:
    """Linear correlation, its interval by Fisher's z. None as of `spearman`."""
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    value = float(np.clip(stats.pearsonr(a, b).statistic, -1, 1))
    if len(a) < 4 or abs(value) >= 1 - 1e-12:
        return Estimate(value=value)
    half = _Z / math.sqrt(len(a) - 3)
    return Estimate(value=value, low=math.tanh(math.atanh(value) - half), high=math.tanh(math.atanh(value) + half))


def weighted_kappa(table: npt.ArrayLike, weights: str) -> Estimate | None:
    """Cohen's weighted kappa of a table of counts (steps, steps), `weights` "linear" or "quadratic", with the
    large-sample interval of Fleiss, Cohen and Everitt (Psychol Bull 1969;72:323-327). None where it is not defined:
    nothing was graded, or all of it the same by both.

    >>> weighted_kappa([[10, 0], [0, 10]], "linear").value
    1.0
    >>> weighted_kappa([[10, 0], [0, 0]], "linear") is None
    True
    """
    if weights not in ("linear", "quadratic"):
        raise ValueError(f"weights must be linear or quadratic, not {weights!r}")
    counts = np.asarray(table, dtype=float)
    n, steps = counts.sum(), len(counts)
    if n == 0 or steps < 2:
        return None
    share = counts / n
    rows, columns = share.sum(axis=1), share.sum(axis=0)
    apart = np.abs(np.subtract.outer(np.arange(steps), np.arange(steps))) / (steps - 1)
    agree = 1 - (apart if weights == "linear" else apart**2)
    observed, expected = float((agree * share).sum()), float((agree * np.outer(rows, columns)).sum())
    if expected >= 1 - 1e-12:
        return None
    value = (observed - expected) / (1 - expected)
    of_rows, of_columns = agree @ columns, rows @ agree
    inner = agree - (of_rows[:, None] + of_columns) * (1 - value)
    variance = float((share * inner**2).sum()) - (value - expected * (1 - value)) ** 2
    if value >= 1 - 1e-12 or variance <= 0:
        return Estimate(value=min(value, 1.0))
    half = _Z * math.sqrt(variance / (n * (1 - expected) ** 2))
    return Estimate(value=value, low=max(value - half, -1.0), high=min(value + half, 1.0))


def proportion(part: int, whole: int) -> Estimate | None:
    """A share with Wilson's interval; None of nothing.

    >>> found = proportion(9, 10)
    >>> found.value, round(found.low, 3), round(found.high, 3)
    (0.9, 0.596, 0.982)
    """
    if whole == 0:
        return None
    interval = stats.binomtest(part, whole).proportion_ci(LEVEL, method="wilson")
    return Estimate(value=part / whole, low=float(interval.low), high=float(interval.high))


def rate(count: int, heads: int) -> Estimate | None:
    """How many a head, with the exact interval of a Poisson count (Garwood 1936); None without a head."""
    if heads == 0:
        return None
    low = float(stats.chi2.ppf((1 - LEVEL) / 2, 2 * count)) / 2 if count else 0.0
    high = float(stats.chi2.ppf(0.5 + LEVEL / 2, 2 * count + 2)) / 2
    return Estimate(value=count / heads, low=low / heads, high=high / heads)


def dice(a: int, b: int, both: int) -> float | None:
    """Dice's coefficient of two sets by their sizes and that of what they share; None of nothing with nothing.

    >>> dice(10, 20, 9), dice(0, 5, 0), dice(0, 0, 0)
    (0.6, 0.0, None)
    """
    return 2 * both / (a + b) if a + b else None
