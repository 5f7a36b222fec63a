"""Input scaling, fitted on the training examples alone."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

#: Rows at a time: a float64 copy of all of CIFAR-10 would take a gigabyte.
_CHUNK = 4096


@dataclass(frozen=True)
class Scaling:
    """The affine map ``(x − shift) × scale``, after missing values (NaN) have been filled in.

    Attributes:
        shift: scalar or one value a feature, float64.
        scale: the same.
        fill: what stands in for a missing value, one a feature; None if nothing is missing.
    """

    shift: np.ndarray
    scale: np.ndarray
    fill: np.ndarray | None = None

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Return scaled features as float32, computed in float64."""
        x = x.astype(np.float64)
        if self.fill is not None:
            x = np.where(np.isnan(x), self.fill, x)
        return ((x - self.shift) * self.scale).astype(np.float32)


def fit_scaling(kind: str | Mapping[str, float], x_train: np.ndarray, maximum: float) -> Scaling:
    """Return the scaling of a kind.

    Args:
        kind: ``raw`` leaves features as they are; ``unit`` maps them into [0, 1], pixels by their
            largest possible value and other features by their training range; ``standardized``
            gives each mean 0 and variance 1; ``centered`` gives each mean 0;
            ``{"mean": m, "deviation": d}`` is ``unit`` minus m, divided by d.
        x_train: training examples × features.
        maximum: largest value of a pixel; 0 if features are not pixels. Other features may be
            missing (NaN): they become the median of the training examples.
    """
    if not isinstance(kind, str):
        unit = fit_scaling("unit", x_train, maximum)
        scale = unit.scale / kind["deviation"]
        return Scaling(unit.shift + kind["mean"] / unit.scale, scale, unit.fill)
    if kind == "unit" and maximum:
        return Scaling(np.float64(0), np.float64(1 / maximum))
    fill = None
    if not maximum:
        from sklearn.impute import SimpleImputer

        # A feature that no training example has becomes 0.
        medians = SimpleImputer(strategy="median", keep_empty_features=True).fit(x_train)
        fill = medians.statistics_
        if np.isnan(x_train).any():
            x_train = np.where(np.isnan(x_train), fill, x_train)
    if kind == "raw":
        return Scaling(np.float64(0), np.float64(1), fill)
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    if kind == "unit":
        scaler = MinMaxScaler().fit(x_train)
        return Scaling(scaler.data_min_, scaler.scale_, fill)
    scaler = StandardScaler(with_std=kind == "standardized")
    for start in range(0, len(x_train), _CHUNK):
        scaler.partial_fit(x_train[start : start + _CHUNK])
    scale = 1 / scaler.scale_ if kind == "standardized" else np.float64(1)
    return Scaling(scaler.mean_, scale, fill)
