"""Comparisons of runs with other seeds, by hand and in a simulation."""

import numpy as np
import pandas as pd
import pytest

from bnmatrix.statistics.stability import differences, summary


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
