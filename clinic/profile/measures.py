"""Height and weight as they are typed: what is possible, and what is unlikely beside what was said before. Plain helpers; imports clinic.errors only."""

from __future__ import annotations

from collections.abc import Mapping

from clinic.errors import Invalid

# What is possible, in each unit: what lies outside is a slip of the hand.
HEIGHTS = {"cm": (20.0, 280.0), "in": (8.0, 110.0)}
WEIGHTS = {"kg": (0.3, 600.0), "lb": (0.6, 1320.0)}
# What is unlikely beside what stands: a weight that differs by more than this part of it, a grown person who differs by so much in height.
ADULT_YEARS, WEIGHT_PART, HEIGHT_CM = 18, 0.3, 10.0
_IN_ONE_UNIT = {"cm": 1.0, "in": 2.54, "kg": 1.0, "lb": 0.45359237}

Values = Mapping[str, str | None]
"""What is said of a body: `height` and `weight` as numbers in words, `height_unit` and `weight_unit` as keys above."""


def possible(field: str, value: str | None, unit: str | None, limits: Mapping[str, tuple[float, float]]) -> str | None:
    """Return the unit of a measure, None without one. limits: HEIGHTS or WEIGHTS. Raises: Invalid."""
    if value is None:
        return None
    if unit is None:
        raise Invalid("Choose the unit, too.", field=field)
    least, most = limits[unit]
    if not least <= float(value) <= most:
        raise Invalid(f"{value} {unit} is not possible. Check the number and the unit.", field=field)
    return unit


def unlikely(name: str, before: Values, now: Values, *, adult: bool) -> bool:
    """Say whether `height` or `weight` is hardly right beside the former one; where either is not said, it is not. adult: grown people stay as tall."""
    stood, stands = _in_one_unit(name, before), _in_one_unit(name, now)
    if stood is None or stands is None:
        return False
    if name == "height":
        return adult and abs(stands - stood) > HEIGHT_CM
    return abs(stands - stood) > WEIGHT_PART * stood


def _in_one_unit(name: str, values: Values) -> float | None:
    """Return a measure in centimetres or kilograms, None where there is none."""
    value, unit = values.get(name), values.get(f"{name}_unit")
    return float(value) * _IN_ONE_UNIT[unit] if value and unit else None
