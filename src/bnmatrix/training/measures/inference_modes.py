"""Accuracy of the same weights under different statistics."""

from bnmatrix.training.measures.probe import Probe
from bnmatrix.training.measures.registry import Values, measure

#: Mini-batches of one example that are scored; each costs a pass through the network.
_SINGLE = 2_000


@measure("accuracy_by_mode")
def inference_modes(probe: Probe) -> Values:
    """Yield the test accuracy of the same weights under several kinds of statistics.

    ``moving``: moving averages, as in inference. ``batch``: those of each mini-batch of the
    training size. ``population``: mean and variance recomputed over training examples, as many
    as fit in one pass (:func:`bnmatrix.training.framework.most_recomputed`). ``single``:
    those of mini-batches of one example, which leave nothing but β.
    If training averages weights, also the averaged weights: ``averaged`` under the moving averages
    of training, and ``averaged_population`` under recomputed statistics.
    All on the test examples that fill mini-batches (``single``: the first 2 000 of them), so that
    networks without statistics have the same accuracy in all.
    """
    state = probe.state()
    size = min(probe.batch_size, probe.test_examples)
    used = probe.test_examples // size * size
    yield "accuracy_by_mode", "moving", probe.test_accuracy(used)
    yield "accuracy_by_mode", "batch", probe.test_accuracy_in_batches(used, size)
    single = probe.test_accuracy_in_batches(min(used, _SINGLE), 1)
    yield "accuracy_by_mode", "single", single
    probe.restore(state)
    probe.set_population_statistics()
    yield "accuracy_by_mode", "population", probe.test_accuracy(used)
    probe.restore(state)
    if probe.set_averaged_weights():
        yield "accuracy_by_mode", "averaged", probe.test_accuracy(used)
        probe.set_population_statistics()
        yield "accuracy_by_mode", "averaged_population", probe.test_accuracy(used)
    probe.restore(state)
