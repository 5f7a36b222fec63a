"""All endpoints. This module imports every module of endpoints, which registers them."""

from bnmatrix.statistics.endpoints import accuracy, measures, rates, speed
from bnmatrix.statistics.endpoints.registry import ENDPOINTS

__all__ = ["ENDPOINTS", "accuracy", "measures", "rates", "speed"]
