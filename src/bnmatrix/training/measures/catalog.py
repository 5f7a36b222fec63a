"""All measures, by name.

To add one, declare it in a module of this folder and name the function here.
"""

from bnmatrix.training.measures.calibration import calibration
from bnmatrix.training.measures.covariate_shift import covariate_shift
from bnmatrix.training.measures.effective_rate import effective_rate
from bnmatrix.training.measures.folding import folding
from bnmatrix.training.measures.gradients import gradients
from bnmatrix.training.measures.inference_modes import inference_modes
from bnmatrix.training.measures.order import order
from bnmatrix.training.measures.registry import Measure
from bnmatrix.training.measures.smoothness import smoothness
from bnmatrix.training.measures.step_time import step_time

MEASURES: dict[str, Measure] = {
    entry.name: entry
    for entry in (
        gradients,
        covariate_shift,
        smoothness,
        effective_rate,
        inference_modes,
        calibration,
        folding,
        order,
        step_time,
    )
}
