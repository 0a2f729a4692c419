"""The story as a function of time: what the camera sees, and what is true of it."""

from dataclasses import replace
from itertools import pairwise

from capture.demo.scene import Scene, Thing
from capture.demo.story import DAY, FADES, PERIOD_S, ROLES, Role, Span
from capture.demo.truth import Truth, things_in_view

__all__ = ["PERIOD_S", "scene_at", "steady_spans", "truth_at"]

NOISE = 4.0
SMALLEST_FIRE = 0.55  # of its full width; still seen as a fire
FLICKERS_PER_S = 8
STRIDE = 1.3  # of its width, how far a thing gets in two steps

CHANGES = tuple(
    [span for role in ROLES for span in (role.comes, role.goes)] + [fade.span for fade in FADES]
)


def scene_at(t_s: float) -> Scene:
    t_s %= PERIOD_S
    things = tuple(
        thing_at(role, t_s) for role in ROLES if role.comes.starts <= t_s < role.goes.ends
    )
    scene = Scene(DAY, things, NOISE)
    for fade in FADES:
        if t_s in fade.span:
            return replace(scene, fades_to=fade.to, faded=fade.span.progress(t_s))
        if t_s >= fade.span.ends:
            scene = replace(scene, backdrop=fade.to)
    return scene


def thing_at(role: Role, t_s: float) -> Thing:
    if role.thing.kind == "fire":
        return fire_at(role, t_s)
    x = role.from_x + (role.thing.x - role.from_x) * role.comes.progress(t_s)
    x += (role.to_x - role.thing.x) * role.goes.progress(t_s)
    return replace(role.thing, x=x, phase=(x - role.thing.x) / (role.thing.width * STRIDE) % 1)


def fire_at(role: Role, t_s: float) -> Thing:
    strength = role.comes.progress(t_s) - role.goes.progress(t_s)
    width = role.thing.width * (SMALLEST_FIRE + (1 - SMALLEST_FIRE) * strength)
    return replace(role.thing, width=width, phase=int(t_s * FLICKERS_PER_S) * 0.37 % 1)


def truth_at(t_s: float) -> Truth:
    scene = scene_at(t_s)
    now_s = t_s % PERIOD_S
    steady = not any(now_s in change for change in CHANGES)
    lit = scene.fades_to if scene.fades_to and scene.faded >= 0.5 else scene.backdrop
    return Truth(things_in_view(scene), lit.lighting.name, steady)


def steady_spans() -> list[Span]:
    """When to ask: the stretches of one period in which nothing changes."""
    edges = {0.0, PERIOD_S}.union(*((change.starts, change.ends) for change in CHANGES))
    spans = [Span(start, end) for start, end in pairwise(sorted(edges))]
    return [span for span in spans if truth_at(span.starts).steady]
