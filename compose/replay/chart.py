"""The course of scores as a few points for a picture. Pure."""

from collections.abc import Iterable, Iterator, Sequence

Point = tuple[float, float]  # seconds, value


def outline(points: Sequence[Point], seconds: float, columns: int) -> list[Point]:
    """*points*, at most the first, least, greatest and last of each of *columns* of the time."""
    if len(points) <= 4 * columns or not seconds:
        return list(points)
    shown: list[Point] = []
    for column in _columns(points, seconds / columns):
        chosen = {column[0], min(column, key=_value), max(column, key=_value), column[-1]}
        shown += sorted(chosen)
    return shown


def _columns(points: Iterable[Point], width_s: float) -> Iterator[list[Point]]:
    column: list[Point] = []
    for point in points:
        if column and point[0] // width_s != column[0][0] // width_s:
            yield column
            column = []
        column.append(point)
    if column:
        yield column


def _value(point: Point) -> float:
    return point[1]


def ticks(seconds: float, most: int = 10) -> list[float]:
    """Round times for the axis, *most* at most after the first."""
    for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200):
        if seconds / step <= most:
            return [float(step * n) for n in range(int(seconds // step) + 1)]
    step = 86400 * (int(seconds / 86400 / most) + 1)
    return [float(step * n) for n in range(int(seconds // step) + 1)]
