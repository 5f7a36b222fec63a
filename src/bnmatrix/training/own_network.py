"""A user's own network: the function that builds it, and what can be wrong with it."""

import ast
import importlib.util
import inspect
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bnmatrix.errors import UserError
from bnmatrix.training.networks import OwnNetwork


def build_own(
    network: OwnNetwork,
    shape: Sequence[int],
    classes: int,
    normalization: Callable[[int], Any],
) -> Any:
    """Return what the user's function builds.

    Args:
        network: the value of the setting ``network``.
        shape: shape of an example, as the framework orders it; a gray image has a channel.
        classes: number of logits.
        normalization: returns a normalization of so many units or channels.

    Raises:
        UserError: the function cannot be found, fails, or does not call ``normalization``. The
            message names the file and the line.
    """
    calls = 0

    def counted(units: int) -> Any:
        nonlocal calls
        calls += 1
        return normalization(units)

    function = _function(network)
    try:
        built = function(tuple(shape), classes, counted)
    except Exception as error:
        raise failed(network, error) from error
    if not calls:
        raise UserError(
            f"{network.own}: the function does not call normalization(units), the third of its "
            "arguments: networks with and without normalization would be the same. Call it "
            "wherever your network normalizes"
        )
    return built


def check_logits(network: OwnNetwork, found: Sequence[int | None], classes: int) -> None:
    """Check the shape of the output of a user's own network.

    Args:
        network: the value of the setting ``network``.
        found: the shape of the output, examples first.
        classes: number of logits.

    Raises:
        UserError: it is not examples × classes.
    """
    if len(found) != 2 or found[1] != classes:
        wrong = " × ".join(["examples", *map(str, found[1:])])
        raise UserError(
            f"{network.own}: the network returns {wrong}, and must return examples × {classes}: "
            "a logit for each class, without a softmax"
        )


def check_function(network: OwnNetwork) -> None:
    """Check that the file is there and defines the function, without running it.

    Raises:
        UserError: it is not.
    """
    path = Path(network.file)
    if not path.is_file():
        raise UserError(f"network: own: there is no file {path}")
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (SyntaxError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", None)
        where = f"{path}, line {line}" if line else str(path)
        raise UserError(f"network: own: {where}: not Python: {error}") from None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    names = [node.name for node in functions]
    if network.function not in names:
        raise UserError(
            f"network: own: {path} defines no function {network.function}; it defines "
            f"{', '.join(names) or 'none'}"
        )


def _function(network: OwnNetwork) -> Callable[..., Any]:
    path = Path(network.file)
    spec = importlib.util.spec_from_file_location(f"own_network_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise UserError(f"{network.own}: there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise failed(network, error) from error
    function = getattr(module, network.function, None)
    if not callable(function):
        raise UserError(f"{network.own}: {path} defines no function {network.function}")
    try:
        inspect.signature(function).bind((), 0, None)
    except TypeError:
        raise UserError(
            f"{network.own}: the function must take three arguments: the shape of an example, the "
            "number of classes, and normalization"
        ) from None
    result: Callable[..., Any] = function
    return result


def failed(network: OwnNetwork, error: Exception) -> UserError:
    """Return an error in a user's code as one that names the line at which it left their file."""
    file = Path(network.file).resolve()
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == file]
    if isinstance(error, SyntaxError):
        lines.append(error.lineno)
    where = f"{network.file}, line {lines[-1]}" if lines else network.file
    # Frameworks explain their errors in many lines, of which the first says what is wrong.
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return UserError(f"{where}: {type(error).__name__}: {reason}")
