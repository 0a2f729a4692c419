"""`plot.png`: the same courses as the report has, as one picture."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from compose.replay.chart import outline, ticks
from compose.replay.results import Results, RuleResult
from compose.replay.words import clock

WIDTH, LEFT, RIGHT = 1200, 50, 20
ABOVE, HEIGHT, BELOW = 34, 150, 30  # of each rule: its question, the course, the times
PAPER, INK, PALE = "#ffffff", "#222222", "#aaaaaa"
ALERT, TRUTH, SCORE, ON = "#f4c4c4", "#22aa22", "#2277cc", "#dd3333"
MOST_LETTERS = 140


def save_plot(results: Results, path: Path) -> None:
    rows = ABOVE + HEIGHT + BELOW
    image = Image.new("RGB", (WIDTH, rows * len(results.rules)), PAPER)
    for number, result in enumerate(results.rules):
        Panel(image, rows * number + ABOVE, results.played.seconds).draw(result)
    image.save(path)


class Panel:
    """One rule's part of the picture; *top* is where a score of 1 is drawn."""

    def __init__(self, image: Image.Image, top: int, seconds: float) -> None:
        self._draw, self._top, self._seconds = ImageDraw.Draw(image), top, seconds
        self._font = ImageFont.load_default(14)

    def draw(self, result: RuleResult) -> None:
        title = f"{result.rule.id}: {result.rule.question}"[:MOST_LETTERS]
        self._text((LEFT, self._top - 25), title, INK)
        self._spans(result)
        self._axis()
        self._line(result.rule.on, ON)
        self._line(result.rule.off, PALE)
        points = outline(result.course, self._seconds, WIDTH)
        self._draw.line([self._at(*point) for point in points], SCORE, 2)

    def _spans(self, result: RuleResult) -> None:
        for span in result.spans:
            ends_s = self._seconds if span.ended_s is None else span.ended_s
            self._box(span.fired_s, ends_s, 1.0, ALERT)
        for truth in result.truths or ():
            self._box(truth.from_s, min(self._seconds, truth.to_s), 0.04, TRUTH)

    def _axis(self) -> None:
        corners = *self._at(0, 1), *self._at(self._seconds, 0)
        self._draw.rectangle(corners, outline=PALE)
        for at_s in ticks(self._seconds):
            x, y = self._at(at_s, 0)
            self._text((x, y + 5), clock(at_s)[:-2], INK)
        for value in (0, 0.5, 1):
            self._text((LEFT - 30, self._at(0, value)[1] - 8), f"{value:g}", INK)

    def _line(self, value: float, colour: str) -> None:
        self._draw.line([self._at(0, value), self._at(self._seconds, value)], colour, 1)

    def _box(self, from_s: float, to_s: float, height: float, colour: str) -> None:
        self._draw.rectangle((*self._at(from_s, height), *self._at(to_s, 0)), colour)

    def _text(self, place: tuple[float, float], text: str, colour: str) -> None:
        self._draw.text(place, text, colour, self._font)

    def _at(self, at_s: float, value: float) -> tuple[float, float]:
        share = at_s / self._seconds if self._seconds else 0.0
        return LEFT + (WIDTH - LEFT - RIGHT) * share, self._top + HEIGHT * (1 - value)
