"""Comparisons of runs with other seeds, by hand and in a simulation."""

from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from bnmatrix.statistics.stability import (
    differences,
    expected_agreement,
    largest_change_of_width,
    summary,
    variance_of_ratios,
)


def verdicts(*rows):
    return pd.DataFrame(rows, columns=["claim", "dataset", "verdict", "effect", "error"]).assign(
        replicate_error=lambda table: table["error"] / 2, network="dense"
    )


def test_by_hand():
    """Differences of 5 with standard errors 3 and 4, and of 0; a fact, and a claim not measured."""
    found = differences(
        {
            "one": verdicts(
                ("a", "digits", "supported", 10.0, 3.0),
                ("b", "digits", "cannot tell", 1.0, 1.0),
                ("c", "digits", "supported", 2.0, np.nan),
                ("d", "mnist", "not measured", np.nan, np.nan),
            ),
            "two": verdicts(
                ("a", "digits", "contradicted", 15.0, 4.0),
                ("b", "digits", "supported", 1.0, 1.0),
                ("c", "digits", "supported", 2.0, np.nan),
                ("d", "mnist", "not measured", np.nan, np.nan),
            ),
        }
    )
    assert list(found["claim"]) == ["a", "b", "c"]
    assert list(found["z"]) == pytest.approx([1, 0, np.nan], nan_ok=True)
    result = summary(found)
    assert (result.compared, result.same, result.opposite) == (3, 1, 1)
    assert (result.effects, result.mean_square, result.beyond) == (2, 0.5, 0)
    assert result.replicate_mean_square == 2.0, "errors are half as large"


@pytest.mark.parametrize(("error", "expected"), [(1.0, 1.0), (0.5, 4.0)])
def test_the_mean_square_tells_whether_standard_errors_are_right(error, expected):
    """Effects vary with standard deviation 1: half of it as error gives four times the square."""
    rng = np.random.default_rng(3)
    tables = {
        f"seed {seed}": verdicts(
            *(
                (f"c{n}", "d", "supported", value, error)
                for n, value in enumerate(rng.normal(size=800))
            )
        )
        for seed in range(3)
    }
    result = summary(differences(tables))
    assert result.effects == 3 * 800
    assert result.mean_square == pytest.approx(expected, rel=0.1)


def test_kinds_of_networks_are_compared_apart():
    both = pd.concat(
        [
            verdicts(("a", "mnist", "supported", 1.0, 1.0)).assign(network=n)
            for n in ("dense", "cnn")
        ]
    )
    assert list(differences({"one": both, "two": both})["network"]) == ["dense", "cnn"]


def judged(effect, half_width, *, part=1.0, margin=1.0, direction="greater"):
    """Return a verdict; of its squared standard error, a part is over replicates."""
    table = verdicts(("a", "digits", "supported", effect, half_width / 2))
    return table.assign(
        replicate_error=np.sqrt(part) * half_width / 2,
        ci_low=effect - half_width,
        ci_high=effect + half_width,
        margin=margin,
        direction=direction,
    )


def test_the_expected_agreement_of_verdicts():
    """Two runs whose effects differ by sqrt(2) standard errors have a mean square of one."""

    def agreement(effect, half_width, pairs):
        difference = np.sqrt(0.5) * half_width / 2
        tables = {
            "one": judged(effect - difference, half_width),
            "two": judged(effect + difference, half_width),
        }
        return expected_agreement(tables, pairs)

    assert agreement(10, 1, 1) == pytest.approx(1, abs=0.01), "far beyond the margin"
    # The interval begins at the margin in the mean: half of the runs support the claim. In one of
    # 44, two standard errors below the mean, it contains 0, and all others find a small effect.
    one_of_44 = NormalDist().cdf(-2)
    expected = 0.5**2 + (0.5 - one_of_44) ** 2 + one_of_44**2
    assert agreement(2, 1, 1) == pytest.approx(expected, abs=0.002)
    assert agreement(2, 1, 16) == pytest.approx(1, abs=0.01)
    # Where the effect is the margin itself, one of 44 supports the claim however many the pairs.
    expected = (1 - 2 * one_of_44) ** 2 + 2 * one_of_44**2
    assert agreement(1, 0.5, 1) == pytest.approx(expected, abs=0.002)
    expected = (1 - one_of_44) ** 2 + one_of_44**2
    assert agreement(1, 0.5, 16) == pytest.approx(expected, abs=0.002)


def test_facts_are_expected_to_agree():
    """So are claims whose requirements are not met, which no verdict is expected of."""
    fact = judged(1.0, 1.0).assign(error=np.nan, ci_low=np.nan, ci_high=np.nan)
    one, two = (pd.concat([judged(effect, 0.1), fact.assign(claim="f")]) for effect in (9, 9.1))
    assert expected_agreement({"one": one, "two": two}) == 1
    unclear = judged(1.0, 1.0).assign(claim="u", verdict="not testable here")
    tables = {"one": pd.concat([one, unclear]), "two": pd.concat([two, unclear])}
    assert expected_agreement(tables) == 1


def test_more_pairs_do_not_narrow_the_part_over_test_examples():
    """Half of the variance is over replicates: the interval never gets narrower than by sqrt(2)."""
    difference = np.sqrt(0.5) * np.sqrt(0.5) * 0.5
    tables = {
        "one": judged(1.5 - difference, 1, part=0.5),
        "two": judged(1.5 + difference, 1, part=0.5),
    }
    # At very many pairs, intervals are 1.5 ± 0.71, so that all are "real but small".
    assert expected_agreement(tables, 1e6) == pytest.approx(1)
    # If they got arbitrarily narrow, 1.3 ± 0 would be supported.
    narrow = {name: table.assign(effect=table["effect"] - 0.8) for name, table in tables.items()}
    shifted = {
        name: table.assign(ci_low=table["effect"] - 1, ci_high=table["effect"] + 1)
        for name, table in narrow.items()
    }
    # 0.7 ± 0.71 contains 0 in about half of the runs.
    assert expected_agreement(shifted, 100) == pytest.approx(0.5, abs=0.05)


def test_the_variance_of_ratios_beyond_chance():
    """True ratios with a variance of 0.3 of their logarithms; chance adds 1 in each of two runs."""
    rng = np.random.default_rng(1)
    true = rng.normal(0, np.sqrt(0.3), 3000)
    keys = {"role": "primary", "label": "…", "study": "s", "claim": np.arange(3000)}
    tables = {
        name: pd.DataFrame({**keys, "block_ratio": np.exp(true + rng.normal(0, 1, 3000))})
        for name in ("one", "two")
    }
    tables["one"].loc[:9, "block_ratio"] = 0.0
    assert variance_of_ratios(tables)[0] == pytest.approx(0.3, abs=0.06)
    for table in tables.values():
        table.loc[2000, "block_ratio"] = 1e12
    every, rest = variance_of_ratios(tables)
    assert every > 0.5
    assert rest == pytest.approx(0.3, abs=0.06)


def test_the_largest_change_of_width():
    tables = {
        name: judged(9.0, half) for name, half in (("one", 0.1), ("two", 0.4), ("three", 0.2))
    }
    assert largest_change_of_width(tables) == pytest.approx(4)


def test_a_run_without_an_interval_is_left_out_of_the_expectation():
    unknown = judged(9.0, 0.1).assign(error=np.nan, ci_low=np.nan, ci_high=np.nan)
    assert (
        expected_agreement({"one": judged(9.0, 0.1), "two": unknown, "three": judged(9.1, 0.1)})
        == 1
    )
