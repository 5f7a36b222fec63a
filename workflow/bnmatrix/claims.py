"""Judging claims: endpoint and statistics → verdict and its sentence."""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from bnmatrix.config import Analysis, Claim, Project, Published
from bnmatrix.errors import UserError
from bnmatrix.registry import ENDPOINTS
from bnmatrix.results import DIVERGED
from bnmatrix.statistics import effects, endpoints
from bnmatrix.statistics.endpoints import Arm, Pairs
from bnmatrix.units import interval, margin_text, quantity
from bnmatrix.variants import test_share, variants

#: Columns of claims.csv: a row a claim and data set.
CLAIM_COLUMNS = [
    *("claim", "dataset", "study", "endpoint", "effect", "ci_low", "ci_high", "p_adjusted"),
    *("pairs", "margin", "verdict", "condition", "sentence"),
    *("p_equivalence_adjusted", "probability_of_improvement", "unit"),
    *("diverged_treatment", "diverged_control"),
]

#: Columns of analyses.csv: a row an analysis.
ANALYSIS_COLUMNS = [
    *("claim", "role", "label", "dataset", "study", "endpoint", "unit", "direction", "margin"),
    *("pairs", "effect", "sd", "ci_low", "ci_high", "p_value", "p_wilcoxon", "p_equivalence"),
    *("p_adjusted", "p_equivalence_adjusted", "probability_of_improvement"),
    *("treatment_mean", "control_mean", "treatment", "control"),
    *("diverged_treatment", "diverged_low_treatment", "diverged_high_treatment"),
    *("diverged_control", "diverged_low_control", "diverged_high_control"),
    *("verdict", "note", "wall_clock"),
]

_KEYS = ["claim", "role", "label", "dataset", "study"]


def analyse(
    project: Project, tables: dict[str, Arm], wall_clock: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Make all analyses for which there are runs, and adjust them within each data set.

    Args:
        project: the configuration.
        tables: the tables of the studies that were run, by study.
        wall_clock: whether to make those that rest on time taken, or all others; each kind is
            adjusted by itself, so that time taken moves nothing else.

    Returns:
        A row an analysis (:data:`ANALYSIS_COLUMNS`), and a row a pair.
    """
    rows, pairs = [], []
    for name, claim in project.claims.items():
        for role, analysis in claim.analyses:
            if analysis.wall_clock != wall_clock:
                continue
            for study in analysis.studies:
                key = {"claim": name, "role": role, "label": analysis.label}
                key |= {"dataset": project.study(study).dataset, "study": study}
                if study not in tables:
                    rows.append(key | _declared(analysis, key["dataset"]) | {"pairs": 0})
                    continue
                where = f"{project.run.claims_file}: claims → {name} ({analysis.label}, {study})"
                row, values = _analyse(
                    *(analysis, key["dataset"], tables[study]),
                    *(_test_share(project, study, analysis), where),
                )
                rows.append(key | row)
                pairs.append(values.reset_index(names="replicate").assign(**key))
    table = pd.DataFrame(rows, columns=ANALYSIS_COLUMNS)
    decisive = table["role"] != "exploratory"
    # Exploratory ones are adjusted among themselves, and decide nothing.
    for _, family in table.groupby([table["dataset"], decisive], sort=False):
        for name in ("p_value", "p_equivalence"):
            # What was declared and not run counts in the family: running less proves no more.
            adjusted = effects.adjust(family[name].astype(np.float64).fillna(1.0))
            column = name.replace("_value", "") + "_adjusted"
            table.loc[family.index, column] = np.where(family[name].isna(), np.nan, adjusted)
    table["verdict"] = [
        effects.NOT_MEASURED
        if row.pairs == 0
        else effects.verdict(row.effect, row.p_adjusted, row.p_equivalence_adjusted, row.direction)
        for row in table.itertuples()
    ]
    order = ["replicate", "treatment", "control"]
    paired = pd.concat(pairs) if pairs else pd.DataFrame(columns=[*_KEYS, *order])
    return table, paired[[*_KEYS, *order]]


def _declared(analysis: Analysis, dataset: str) -> dict[str, Any]:
    arguments = {key: _words(v) for key, v in analysis.arguments_on(dataset).items()}
    endpoint = ENDPOINTS[analysis.endpoint]
    label = endpoint.label.format_map({"column": "test accuracy", **arguments})
    return {
        "endpoint": label,
        "unit": analysis.unit or endpoint.unit,
        "direction": analysis.direction,
        "margin": analysis.margin_on(dataset),
        "treatment": _selection(analysis.where | analysis.treatment),
        "control": "0" if analysis.control is None else _selection(analysis.control),
        "wall_clock": analysis.wall_clock,
        "note": "",
    }


def _words(value: Any) -> str:
    return value.replace("_", " ") if isinstance(value, str) else str(value)


def _selection(selection: dict[str, Any]) -> str:
    parts = []
    for axis, value in selection.items():
        values = value if isinstance(value, list) else [value]
        parts.append(f"{axis}={'|'.join(map(str, values))}")
    return ", ".join(parts) or "all"


def _analyse(
    analysis: Analysis, dataset: str, study: Arm, test_share: float | None, where: str
) -> tuple[dict[str, Any], pd.DataFrame]:
    treatment, control, found = _pairs(analysis, analysis.arguments_on(dataset), study, where)
    row = _declared(analysis, dataset) | {"note": found.note}
    for name, arm in (("treatment", treatment), ("control", control)):
        if arm is not None:
            diverged = int((arm.runs["status"] == DIVERGED).sum())
            share, low, high = effects.divergence(diverged, len(arm.runs))
            row[f"diverged_{name}"] = share
            row |= {f"diverged_low_{name}": low, f"diverged_high_{name}": high}
    values = found.table
    if values.empty:
        return row | {"pairs": 0, "note": f"{found.note} No pair has a value.".strip()}, values
    first, second = (values[name].to_numpy(np.float64) for name in ("treatment", "control"))
    effect = effects.paired_effect(
        first, second, row["margin"], np.random.default_rng(0), test_share
    )
    means = {"treatment_mean": first.mean(), "control_mean": second.mean()}
    return row | asdict(effect) | means, values


def _pairs(
    item: Analysis | Published, arguments: dict[str, Any], study: Arm, where: str
) -> tuple[Arm, Arm | None, Pairs]:
    common = item.where if isinstance(item, Analysis) else {}
    try:
        treatment = study.select(common | item.treatment)
        control = None if item.control is None else study.select(common | item.control)
        return (
            treatment,
            control,
            endpoints.ENDPOINTS[item.endpoint](treatment, control, **arguments),
        )
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except TypeError as error:
        raise UserError(f"{where}: arguments of {item.endpoint}: {error}") from None
    except KeyError as error:
        raise UserError(f"{where}: {item.endpoint}: there is no {error}") from None


def _test_share(project: Project, name: str, analysis: Analysis) -> float | None:
    """Return test examples a training example where a study is cross-validated, at most."""
    selected = {
        axis: wanted if isinstance(wanted, list) else [wanted]
        for axis, wanted in (analysis.where | analysis.treatment).items()
        if axis in project.study(name).axes
    }
    shares = [
        test_share(project.dataset_of(name), variant.settings)
        for variant in variants(project, name)
        if all(variant.settings[axis] in wanted for axis, wanted in selected.items())
    ]
    return None if None in shares else max(shares)


def judge(project: Project, analyses: pd.DataFrame) -> pd.DataFrame:
    """Return a row a claim and data set (:data:`CLAIM_COLUMNS`) from a table of analyses."""
    rows = []
    for name, claim in project.claims.items():
        own = analyses[(analyses["claim"] == name) & (analyses["role"] != "exploratory")]
        for dataset, found in own.groupby("dataset", sort=False):
            title = project.datasets[dataset].title
            primary = found[found["role"] == "primary"].iloc[0]
            others = found.drop(primary.name)
            verdict = effects.combine(primary["verdict"], list(others["verdict"]))
            condition = _condition(primary, others) if verdict == effects.CONDITIONAL else ""
            rows.append(
                primary.to_dict()
                | {"verdict": verdict, "condition": condition}
                | {"sentence": sentence(claim, title, primary, verdict, condition)}
            )
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS)


def _condition(primary: pd.Series, others: pd.DataFrame) -> str:
    every = [primary, *(row for _, row in others.iterrows())]
    holds = [row["label"] for row in every if row["verdict"] == effects.SUPPORTED]
    fails = [
        f"{row['label']} ({row['verdict']})"
        for row in every
        if row["verdict"] in (effects.CONTRADICTED, effects.EQUIVALENT)
    ]
    unknown = [row["label"] for row in every if row["verdict"] == effects.INCONCLUSIVE]
    return "; ".join(
        [
            " and ".join(holds),
            *([f"not {' nor '.join(fails)}"] if fails else []),
            *([f"not shown {' nor '.join(unknown)}"] if unknown else []),
        ]
    )


_VERBS = {
    effects.SUPPORTED: "Supported",
    effects.CONTRADICTED: "Contradicted",
    effects.EQUIVALENT: "No difference that matters",
    effects.CONDITIONAL: "Holds only under conditions",
    effects.INCONCLUSIVE: "These runs cannot tell",
}


def sentence(claim: Claim, dataset: str, primary: pd.Series, verdict: str, condition: str) -> str:
    """Return the verdict on a claim in words, with the numbers that it rests on.

    Args:
        claim: the claim.
        dataset: the data set's title.
        primary: the row of its primary analysis (:data:`ANALYSIS_COLUMNS`).
        verdict: the claim's verdict on the data set.
        condition: under which conditions it holds, if it is conditional.
    """
    if verdict == effects.NOT_MEASURED:
        return f"{claim.title}: not measured on {dataset}, for want of runs."
    unit = primary["unit"]
    spread = interval(primary["ci_low"], primary["ci_high"], unit)
    return (
        f"{_VERBS[verdict]} on {dataset}"
        f"{f': it holds {condition}' if condition else ''}. "
        f"{primary['endpoint'][0].upper()}{primary['endpoint'][1:]}, {primary['label']}: "
        f"{quantity(primary['effect'], unit)}, "
        f"{spread if spread == 'no interval' else f'95 % interval {spread}'}, "
        f"{primary['pairs']:.0f} pairs; margin {margin_text(primary['margin'], unit)}."
    )


# --------------------------------------------------------------------------- replications

REPLICATION_COLUMNS = [
    *("replication", "study", "what", "published", "published_sd", "executions"),
    *("ours", "ours_sd", "runs", "difference", "ci_low", "ci_high", "agrees", "unit"),
]


def replicate(project: Project, tables: dict[str, Arm], wall_clock: bool) -> pd.DataFrame:
    """Return a row a published figure: theirs, ours, and whether they agree.

    They agree when the 95 % interval of the difference holds zero, or when the difference is
    within the declared tolerance. Where no spread was published, theirs is taken to be ours; where
    no number of executions was, the interval is that of one more run of ours.
    """
    rows = []
    for name, replication in project.replications.items():
        for figure in replication.figures:
            if figure.wall_clock != wall_clock or replication.study not in tables:
                continue
            where = f"{project.run.replications_file}: {name}: {figure.what}"
            found = _pairs(figure, figure.arguments, tables[replication.study], where)[2].table
            values = (found["treatment"] - found["control"]).to_numpy(np.float64)
            rows.append(
                {"replication": name, "study": replication.study, "what": figure.what}
                | {"unit": ENDPOINTS[figure.endpoint].unit}
                | _compare(values, figure)
            )
    return pd.DataFrame(rows, columns=REPLICATION_COLUMNS)


def _compare(values: np.ndarray, figure: Published) -> dict[str, Any]:
    n, mean = len(values), float(values.mean()) if len(values) else math.nan
    sd = float(values.std(ddof=1)) if n > 1 else 0.0
    if n < 2:
        low = high = mean - figure.value
    elif figure.executions and figure.executions > 1:
        low, high = effects.welch_interval(
            mean, sd, n, figure.value, figure.sd or sd, figure.executions
        )
    else:
        half = float(effects.stats.t.ppf(0.975, n - 1)) * sd * np.sqrt(1 + 1 / n)
        low, high = mean - figure.value - half, mean - figure.value + half
    difference = mean - figure.value
    agrees = low <= 0 <= high or abs(difference) <= figure.tolerance
    return {
        "published": figure.value,
        "published_sd": figure.sd,
        "executions": figure.executions,
        "ours": mean,
        "ours_sd": sd,
        "runs": n,
        "difference": difference,
        "ci_low": low,
        "ci_high": high,
        "agrees": bool(agrees),
    }
