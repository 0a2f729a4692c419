"""What was examined as the tables of the model's card. Pure."""

import math
from collections.abc import Iterator, Sequence
from statistics import median

from capture.demo.random_world import CONDITIONS
from capture.demo.scene import KINDS
from compose.replay.spans import calibration_error
from models.demo.train.evaluate import Marks


def share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else math.nan


def spread(flags: Sequence[bool]) -> float:
    """Half of the 95 % interval, after Agresti and Coull, which holds near 100 % too."""
    count = len(flags) + 4
    middle = (sum(flags) + 2) / count
    return 2 * math.sqrt(middle * (1 - middle) / count)


def report(marks: Marks) -> str:
    """The tables of the model card."""
    return "\n".join(
        [
            *by_question(marks),
            "",
            *by_condition(marks),
            "",
            *never_taught(marks),
            "",
            *calibration(marks),
            "",
            *confusion(marks),
            "",
            *phrasings(marks),
            "",
            f"First token: {median(marks.first_s) * 1000:.1f} ms (median).",
            "",
        ]
    )


def by_question(marks: Marks) -> Iterator[str]:
    """With how far the share of other scenes would lie from it, 19 times of 20."""
    yield from ("| question | right | ± | of | commonest answer |", "|---|---|---|---|---|")
    for about, answers in marks.answers.items():
        flags = [flag for (one, _), part in marks.right.items() if one == about for flag in part]
        usual = answers.most_common(1)[0][1] / answers.total()
        yield (
            f"| {about} | {share(flags):.1%} | {spread(flags):.1%} | {len(flags):,} | {usual:.0%} |"
        )
    counted = ", ".join(f"{n}: {share(f):.0%}" for n, f in sorted(marks.by_count.items()))
    yield from ("", f"Descriptions by the number of things: {counted}.")


def by_condition(marks: Marks) -> Iterator[str]:
    kinds = list(marks.answers)
    yield f"| condition | {' | '.join(kinds)} |"
    yield f"|---|{'---|' * len(kinds)}"
    for condition in CONDITIONS:
        cells = (f"{share(marks.right[about, condition]):.1%}" for about in kinds)
        yield f"| {condition} | {' | '.join(cells)} |"


def never_taught(marks: Marks) -> Iterator[str]:
    """On scenes of kinds that are never taught."""
    kinds = list(marks.answers)
    yield f"| scenes never taught | {' | '.join(kinds)} |"
    yield f"|---|{'---|' * len(kinds)}"
    for name, there in marks.elsewhere.items():
        cells = (f"{share(there.right[about, 'clear']):.1%}" for about in kinds)
        yield f"| {name} | {' | '.join(cells)} |"


def calibration(marks: Marks) -> Iterator[str]:
    """How often yes was right, for each tenth of P(yes)."""
    yield from ("| P(yes) | rules | mean | yes was right | |", "|---|---|---|---|---|")
    for tenth in range(10):
        part = [(s, r) for s, r in marks.scores if min(9, int(s * 10)) == tenth]
        if part:
            mean = sum(score for score, _ in part) / len(part)
            right = share([right for _, right in part])
            span = f"{tenth / 10:.1f} to {(tenth + 1) / 10:.1f}"
            bar = "█" * round(right * 20)
            yield f"| {span} | {len(part):,} | {mean:.2f} | {right:.2f} | {bar} |"
    error = calibration_error(marks.scores)
    yield from ("", f"Expected calibration error: {error:.4f} of {len(marks.scores):,} scores.")


def confusion(marks: Marks) -> Iterator[str]:
    """What one thing alone on the picture was called."""
    names = (*KINDS, "nothing")
    yield f"| one thing | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    for kind in KINDS:
        yield f"| {kind} | {' | '.join(str(marks.taken_for[kind, name]) for name in names)} |"


def phrasings(marks: Marks) -> Iterator[str]:
    forms = {"with the system prompt of a rule": marks.as_rules, "without one": marks.as_chats}
    for form, found in forms.items():
        flags = [flag for part in found.values() for flag in part]
        worst = sorted(found.items(), key=lambda one: share(one[1]))[:6]
        hardest = "; ".join(f"{text} {share(part):.0%}" for text, part in worst)
        yield (
            f"Questions in words it was never taught ({len(found)}), {form}:"
            f" {share(flags):.1%} of {len(flags):,}. The hardest: {hardest}."
        )
        yield ""
