"""Input scaling, fitted on the training examples only."""

from dataclasses import dataclass

import numpy as np

from bnmatrix.models import Model, Positive

#: How features reach the network; see :func:`fit_scaling`.
INPUT_SCALINGS = ("raw", "unit", "standardized", "centered")

#: Those that depend on which examples are trained on, also if features are pixels.
FITTED_SCALINGS = ("standardized", "centered")

#: Rows that are fitted at a time: a float64 copy of all of CIFAR-10 would take a gigabyte.
_CHUNK = 4096


class ShiftedScaling(Model):
    """Features in [0, 1], minus a mean, divided by a deviation (torchvision's `Normalize`)."""

    mean: float
    """What is subtracted."""
    deviation: Positive
    """What is divided by."""


@dataclass(frozen=True)
class Scaling:
    """The affine map ``(x − shift) × scale``, after missing values (NaN) have been replaced.

    Attributes:
        shift: scalar or one value per feature, float64.
        scale: scalar or one value per feature, float64.
        fill: the value that replaces a missing one, one per feature; None for pixels, of which none
            is missing.
    """

    shift: np.ndarray | np.float64
    scale: np.ndarray | np.float64
    fill: np.ndarray | None = None

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Return scaled features as float32, computed in float64."""
        x = x.astype(np.float64)
        if self.fill is not None:
            x = np.where(np.isnan(x), self.fill, x)
        scaled: np.ndarray = ((x - self.shift) * self.scale).astype(np.float32)
        return scaled


@dataclass(frozen=True)
class TargetScaling:
    """The standardization of the target of a regression, fitted on the training examples.

    Attributes:
        mean, deviation: of the target of the training examples.
    """

    mean: float
    deviation: float

    @classmethod
    def fit(cls, y_train: np.ndarray) -> "TargetScaling":
        """Return the standardization of targets; equal ones are shifted alone."""
        return cls(float(y_train.mean()), float(y_train.std()) or 1.0)

    def apply(self, y: np.ndarray) -> np.ndarray:
        """Return standardized targets, float64."""
        return (y - self.mean) / self.deviation

    def undo(self, standardized: np.ndarray) -> np.ndarray:
        """Return targets in their own unit, float64."""
        return standardized.astype(np.float64) * self.deviation + self.mean


def fit_scaling(kind: str | ShiftedScaling, x_train: np.ndarray, maximum: float) -> Scaling:
    """Return the scaling of a kind.

    Args:
        kind: ``raw`` leaves features as they are; ``unit`` maps them into [0, 1], pixels by their
            largest possible value and other features by their training range; ``standardized``
            gives each mean 0 and variance 1; ``centered`` gives each mean 0;
            a :class:`ShiftedScaling` is ``unit``, shifted and scaled.
        x_train: training examples × features; features that are not pixels may be missing (NaN),
            and become the median of the training examples.
        maximum: largest value of a pixel; 0 if features are not pixels.
    """
    if not isinstance(kind, str):
        unit = fit_scaling("unit", x_train, maximum)
        scale = unit.scale / kind.deviation
        return Scaling(unit.shift + kind.mean / unit.scale, scale, unit.fill)
    if kind == "unit" and maximum:
        return Scaling(np.float64(0), np.float64(1 / maximum))
    fill = None
    if not maximum:
        from sklearn.impute import SimpleImputer

        # A feature that is missing in all training examples becomes 0.
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
    if kind == "standardized":
        return Scaling(scaler.mean_, 1 / scaler.scale_, fill)
    return Scaling(scaler.mean_, np.float64(1), fill)
