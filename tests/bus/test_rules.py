"""A rule means what was written; what cannot be a rule is refused by the name of its field."""

import json
from typing import Any, get_type_hints

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import example, given

from bus.cameras import CAMERA_ID
from bus.errors import BadJob
from bus.legacy_rules import LegacyLimits, legacy_rules
from bus.rule_parsing import ALLOWED, change_rule, parse_rule
from bus.rules import Rule, Zone, applies, encode_rule, is_active, zone_of
from bus.schedule import Window

ASK = {"question": "Is there a person at the gate?"}
TRIANGLE = [[0, 0], [1, 0], [0.5, 1]]
NIGHT = {"days": ["mon"], "from": "22:00", "to": "06:00", "zone": "Europe/Berlin"}
AT = 1_795_454_446.0  # 2026-11-23T17:20:46Z, a Monday
LIMITS = LegacyLimits()


def refusal(body: Any) -> BadJob:
    with pytest.raises(BadJob) as caught:
        parse_rule(body)
    return caught.value


def test_a_question_is_enough() -> None:
    rule = parse_rule(ASK)
    assert rule == Rule(question=ASK["question"])
    assert (rule.on, rule.off, rule.cooldown_s, rule.cameras) == (0.6, 0.4, 60, ("*",))


def test_null_is_the_default_of_a_field() -> None:
    assert parse_rule({**ASK, "schedule": None, "name": None, "on": None}) == parse_rule(ASK)


@pytest.mark.parametrize(
    ("given", "on", "off"),
    [
        ({}, 0.6, 0.4),
        ({"on": 0.9}, 0.9, 0.6),
        ({"on": 0.3}, 0.3, 0.2),
        ({"on": 0.0}, 0.0, 0.0),
        ({"on": 1}, 1.0, 0.666667),
        ({"off": 0.7}, 0.8, 0.7),
        ({"off": 0.4}, 0.6, 0.4),
        ({"off": 1}, 1.0, 1.0),
        ({"on": 0.9, "off": 0.1}, 0.9, 0.1),
        ({"on": 0.5, "off": 0.5}, 0.5, 0.5),
    ],
)
def test_one_threshold_follows_the_other(given: dict[str, float], on: float, off: float) -> None:
    rule = parse_rule({**ASK, **given})
    assert (rule.on, rule.off) == (on, off)


@given(st.sampled_from(["on", "off"]), st.floats(0, 1))
@example("on", 8e-7)
@example("off", 0.9999991)
def test_a_threshold_that_follows_never_crosses_the_other(name: str, value: float) -> None:
    rule = parse_rule({**ASK, name: value})
    assert 0 <= rule.off <= rule.on <= 1
    assert getattr(rule, name) == value


@pytest.mark.parametrize(
    ("body", "param", "allowed"),
    [
        ({}, "question", "required"),
        ({"question": " \n"}, "question", "1 to 500"),
        ({"question": "x" * 501}, "question", "1 to 500"),
        ({"question": 7}, "question", "1 to 500"),
        ({"question": "\ud800"}, "question", "1 to 500"),
        ({**ASK, "colour": "red"}, "colour", "not known"),
        ({**ASK, "colour": None}, "colour", "not known"),
        ({**ASK, "": None}, '""', "not known"),
        ({**ASK, "id": "-a"}, "id", "letters, digits"),
        ({**ASK, "id": "a\n"}, "id", "letters, digits"),
        ({**ASK, "name": "x" * 101}, "name", "at most 100"),
        ({**ASK, "cameras": []}, "cameras", "1 to 64"),
        ({**ASK, "cameras": "gate"}, "cameras", "a list"),
        ({**ASK, "cameras": ["gate", "a b"]}, "cameras[1]", "ids of cameras"),
        ({**ASK, "every_s": 0}, "every_s", "from 0.1 to 3600"),
        ({**ASK, "every_s": "1"}, "every_s", "from 0.1 to 3600"),
        ({**ASK, "every_s": 10**400}, "every_s", "from 0.1 to 3600"),
        ({**ASK, "every_s": float("nan")}, "every_s", "from 0.1 to 3600"),
        ({**ASK, "for_s": True}, "for_s", "from 0 to 86400"),
        ({**ASK, "on": 1.1}, "on", "from 0 to 1"),
        ({**ASK, "on": 0.5, "off": 0.6}, "off", "not above `on`"),
        ({**ASK, "gate": "x" * 9999}, "gate", "motion or none"),
        ({**ASK, "a\nb": 1}, "a\nb", "not known"),
        ({**ASK, "gate": "a\nb"}, "gate", "motion or none"),
        ({**ASK, "gate": "` - at `$.nonsense`"}, "gate", "motion or none"),
        ({**ASK, "frames": 9}, "frames", "from 1 to 8"),
        ({**ASK, "frames": 1.5}, "frames", "whole number"),
        ({**ASK, "frames": 4}, "span_s", "above 0 when `frames`"),
        ({**ASK, "frames": 4, "span_s": 11}, "span_s", "from 0 to 10"),
        ({**ASK, "prompt": "Look!"}, "prompt", "{question}"),
        ({**ASK, "prompt": "{question}" + "x" * 2000}, "prompt", "2000"),
        ({**ASK, "enabled": "yes"}, "enabled", "true or false"),
        ({**ASK, "targets": "phone"}, "targets", "names of targets"),
        ({**ASK, "snooze_until": "soon"}, "snooze_until", "2026-11-23T17:20:46Z"),
        ({**ASK, "snooze_until": "2026-11-23T17:20:46"}, "snooze_until", "with its zone"),
        ({**ASK, "snooze_until": "0001-01-01T00:00+09:00"}, "snooze_until", "a time"),
        ({**ASK, "schedule": "at night"}, "schedule", "a window"),
        ({**ASK, "schedule": []}, "schedule", "1 to 32"),
        ({**ASK, "schedule": {}}, "schedule.from", "required"),
        ({**ASK, "schedule": {**NIGHT, "from": "24:00"}}, "schedule.from", "to 23:59"),
        ({**ASK, "schedule": {**NIGHT, "to": "6:00"}}, "schedule.to", "to 24:00"),
        ({**ASK, "schedule": {**NIGHT, "zone": "Berlin"}}, "schedule.zone", "Europe/Berlin"),
        ({**ASK, "schedule": {**NIGHT, "zone": "../x"}}, "schedule.zone", "Europe/Berlin"),
        ({**ASK, "schedule": [NIGHT, {**NIGHT, "zone": ""}]}, "schedule[1].zone", "Berlin"),
        ({**ASK, "schedule": [{**NIGHT, "days": ["Mon"]}]}, "schedule[0].days[0]", "mon, tue"),
        ({**ASK, "schedule": {**NIGHT, "until": "x"}}, "schedule.until", "not known"),
        ({**ASK, "zones": {"a b": {"polygon": TRIANGLE}}}, "zones", "id of a camera"),
        ({**ASK, "zones": {"zone": 3}}, "zones.zone", "a zone is an object"),
        ({**ASK, "zones": {"gate": {}}}, "zones.gate.polygon", "required"),
        ({**ASK, "zones": {"gate": {"polygon": [[0, 0]]}}}, "zones.gate.polygon", "3 to 32"),
        ({**ASK, "zones": {"*": {"polygon": [[0.5, 0.5]] * 3}}}, "zones.*.polygon", "around"),
        (
            {**ASK, "zones": {"yard": {"polygon": TRIANGLE}, "gate": {"polygon": [[0, 2]] * 3}}},
            "zones.gate.polygon[0][1]",
            "x and y from 0 to 1",
        ),
        (
            {**ASK, "zones": {"gate": {"polygon": TRIANGLE, "mode": "blur"}}},
            "zones.gate.mode",
            "crop or mask",
        ),
        (
            {**ASK, "zones": {"gate": {"polygon": TRIANGLE, "x": 1}}},
            "zones.gate.x",
            "not known",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_a_rule_is_refused_by_field(
    body: dict[str, Any], param: str, allowed: str
) -> None:
    error = refusal(body)
    assert error.param == param
    assert str(error).startswith(f"{param}: ")
    assert allowed in str(error)
    assert len(str(error)) < 200


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"question": "\xff"}', b"[" * 100_000])
def test_what_is_not_json_is_refused(body: bytes) -> None:
    assert str(refusal(body)) == "the body is not valid JSON"


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", [], "text", None])
def test_what_is_no_object_is_refused(body: Any) -> None:
    assert str(refusal(body)) == "the body must be a JSON object"


def test_there_are_words_for_every_field() -> None:
    names = {
        field.encode_name for kind in (Rule, Window, Zone) for field in msgspec.structs.fields(kind)
    }
    assert set(ALLOWED) == names
    assert len(names) == sum(len(get_type_hints(kind)) for kind in (Rule, Window, Zone))


NUMBERS = ["every_s", "gate_above", "refresh_s", "max_age_s", "on", "off", "for_s", "clear_s"]


@pytest.mark.parametrize("field", [*NUMBERS, "cooldown_s", "frames", "span_s"])
def test_the_words_and_the_check_agree_on_the_bounds_of_a_number(field: str) -> None:
    words = ALLOWED[field].split(",")[0].split()
    low, high = float(words[words.index("from") + 1]), float(words[-1])
    step = 1 if field == "frames" else 0.001
    kind = int if field == "frames" else float
    for value in (low, high):
        rule = parse_rule({**ASK, field: kind(value), **({"span_s": 1} if step == 1 else {})})
        assert getattr(rule, field) == value
    for value in (low - step, high + step):
        assert refusal({**ASK, field: kind(value)}).param == field


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
seconds = st.floats(0.1, 3600)
ids = st.from_regex(CAMERA_ID, fullmatch=True)
times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
schedules = st.fixed_dictionaries(
    {"from": times, "to": times | st.just("24:00"), "zone": st.sampled_from(["UTC", "Asia/Tokyo"])},
    optional={"days": st.lists(st.sampled_from(["mon", "sun"]), min_size=1, max_size=7)},
)
zones = st.fixed_dictionaries(
    {"polygon": st.just(TRIANGLE)}, optional={"mode": st.sampled_from(["crop", "mask"])}
)
bodies = st.fixed_dictionaries(
    {"question": st.text(min_size=1, max_size=500).filter(str.strip)},
    optional={
        "id": ids,
        "name": st.text(max_size=100),
        "cameras": st.lists(ids | st.just("*"), min_size=1, max_size=5),
        "every_s": seconds,
        "on": st.floats(0.5, 1),
        "off": st.floats(0, 0.5),
        "for_s": seconds,
        "gate": st.sampled_from(["motion", "none"]),
        "span_s": st.floats(0, 10),
        "schedule": st.none() | schedules | st.lists(schedules, min_size=1, max_size=3),
        "snooze_until": st.none() | st.datetimes(timezones=st.timezones()).map(str),
        "zones": st.dictionaries(ids | st.just("*"), zones, max_size=3),
        "targets": st.lists(ids, max_size=3),
        "enabled": st.booleans(),
    },
)


def parsed(body: dict[str, Any]) -> Rule | None:
    """None where a snooze lies beyond the calendar."""
    try:
        return parse_rule(body)
    except BadJob as error:
        assert error.param == "snooze_until"
        return None


@given(bodies)
def test_a_rule_says_what_was_written_and_survives_storage(body: dict[str, Any]) -> None:
    rule = parsed(body)
    if rule is None:
        return
    stored = json.loads(encode_rule(rule))
    assert parse_rule(encode_rule(rule)) == rule
    assert set(stored) == {field.encode_name for field in msgspec.structs.fields(Rule)}
    for name in body.keys() - {"snooze_until", "zones", "schedule"}:
        assert stored[name] == body[name]
    assert stored["zones"].keys() == body.get("zones", {}).keys()


@given(bodies)
def test_a_change_of_nothing_changes_nothing(body: dict[str, Any]) -> None:
    rule = parsed(body)
    assert rule is None or change_rule(rule, {}) == rule


@given(bodies, bodies)
def test_a_change_replaces_what_it_names_and_nothing_else(
    before: dict[str, Any], patch: dict[str, Any]
) -> None:
    rule, changed = parsed(before), parsed(patch)
    patch.pop("id", None)
    if rule is None or changed is None:
        return
    after = change_rule(rule, patch)
    for field in msgspec.structs.fields(Rule):
        value = getattr(after, field.name)
        if field.name in {"on", "off"} - patch.keys():
            assert after.off <= after.on  # it stays, or follows
        elif field.encode_name not in patch:
            assert value == getattr(rule, field.name)
        else:
            assert value == getattr(changed, field.name)


@given(bodies, st.sampled_from(sorted(ALLOWED)) | st.text(max_size=5), json_values)
def test_one_wrong_value_is_found_where_it_is(
    body: dict[str, Any], field: str, value: object
) -> None:
    try:
        parse_rule({**body, field: value})
    except BadJob as error:
        assert len(str(error)) < 300
        crossed = {"on": "off", "frames": "span_s"}.get(field, field)
        found = (error.param or "").partition(".")[0].partition("[")[0]
        assert found in (field or '""', crossed, "snooze_until") or "." in field or "[" in field


@given(json_values | st.dictionaries(st.sampled_from(sorted(ALLOWED)), json_values))
def test_any_json_is_a_rule_or_a_short_refusal(value: Any) -> None:
    for body in (value, json.dumps(value).encode()):
        try:
            parse_rule(body)
        except BadJob as error:
            assert len(str(error)) < 300


@pytest.mark.parametrize(
    "body",
    [
        {"\ud800": 1},
        {5: 1},
        {"gate": "\ud800"},
        {"zones": {"\ud800": {}}},
        {"x` - at `$.zones[...]": 1},
        {"x` - at `$.nonsense": 1},
        {"schedule": {**NIGHT, "x` - at `$.zones[...]": 1}},
        {"x" * 9999: 1},
    ],
    ids=ascii,
)
def test_a_name_made_to_confuse_is_refused_like_any_other(body: dict[Any, Any]) -> None:
    assert len(str(refusal({**ASK, **body}))) < 150


def test_an_id_of_a_camera_is_what_the_registry_takes_for_one() -> None:
    @given(ids | st.text(max_size=70))
    def check(camera: str) -> None:
        fits = CAMERA_ID.fullmatch(camera) is not None
        try:
            parse_rule({**ASK, "cameras": [camera], "id": camera})
        except BadJob:
            assert not fits
        else:
            assert fits

    check()


def test_a_change_resets_with_null() -> None:
    rule = parse_rule({**ASK, "name": "Gate", "cooldown_s": 5, "schedule": NIGHT})
    changed = change_rule(rule, b'{"name": null, "schedule": null}')
    assert changed == parse_rule({**ASK, "cooldown_s": 5})
    with pytest.raises(BadJob, match="question: this field is required"):
        change_rule(rule, {"question": None})


@pytest.mark.parametrize(
    ("patch", "on", "off"),
    [
        ({"on": 0.95}, 0.95, 0.6),  # what is not named stays
        ({"on": 0.3}, 0.3, 0.2),  # unless it does not fit
        ({"off": 0.94}, 0.96, 0.94),
        ({"off": None}, 0.9, 0.6),
        ({"on": None}, 0.733333, 0.6),
        ({"on": None, "off": None}, 0.6, 0.4),
    ],
)
def test_a_changed_threshold_takes_the_other_along_where_it_must(
    patch: dict[str, Any], on: float, off: float
) -> None:
    changed = change_rule(parse_rule({**ASK, "on": 0.9, "off": 0.6}), patch)
    assert (changed.on, changed.off) == (on, off)


@pytest.mark.parametrize(
    ("patch", "param"),
    [
        ({"id": "other"}, "id"),
        ({"on": 0.1, "off": 0.2}, "off"),
        ({"colour": 1}, "colour"),
        ({"colour": None}, "colour"),
        ({"frames": 2}, "span_s"),
        ({"zones": {"gate": {"polygon": []}}}, "zones.gate.polygon"),
    ],
)
def test_a_change_that_makes_no_rule_is_refused_by_field(patch: dict[str, Any], param: str) -> None:
    rule = parse_rule({**ASK, "id": "gate"})
    with pytest.raises(BadJob) as caught:
        change_rule(rule, patch)
    assert caught.value.param == param


def test_a_rule_applies_to_its_cameras_and_the_star_to_all() -> None:
    rule = parse_rule({**ASK, "cameras": ["gate", "yard"]})
    assert [applies(rule, camera) for camera in ("gate", "yard", "gate2")] == [True, True, False]
    assert applies(parse_rule(ASK), "any")


def test_a_cameras_own_zone_comes_before_the_one_for_all() -> None:
    every, own = {"polygon": TRIANGLE}, {"polygon": TRIANGLE, "mode": "mask"}
    rule = parse_rule({**ASK, "zones": {"*": every, "gate": own}})
    found = [zone_of(rule, camera) for camera in ("gate", "yard")]
    assert [zone.mode for zone in found if zone] == ["mask", "crop"]
    assert zone_of(parse_rule(ASK), "gate") is None


@pytest.mark.parametrize(
    ("fields", "active"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"snooze_until": "2026-11-23T17:20:46Z"}, True),
        ({"snooze_until": "2026-11-23T17:20:47Z"}, False),
        ({"snooze_until": "2026-11-23T18:20:46.5+01:00"}, False),
        ({"schedule": {**NIGHT, "from": "18:00"}}, True),
        ({"schedule": NIGHT}, False),
        ({"schedule": [NIGHT, {**NIGHT, "zone": "Asia/Tokyo", "days": ["tue"]}]}, False),
        ({"schedule": [NIGHT, {**NIGHT, "zone": "Asia/Tokyo", "from": "02:20"}]}, False),
        ({"schedule": [NIGHT, {**NIGHT, "from": "02:20", "zone": "Asia/Tokyo", "days": ["tue"]}]},
         True),
    ],
)  # fmt: skip
def test_a_rule_is_active_when_it_is_enabled_awake_and_in_its_schedule(
    fields: dict[str, Any], active: bool
) -> None:
    assert is_active(parse_rule({**ASK, **fields}), AT) == active


def test_a_snooze_is_kept_in_utc() -> None:
    rule = parse_rule({**ASK, "snooze_until": "2026-11-23T18:20:46+01:00"})
    assert rule.snooze_until == "2026-11-23T17:20:46Z"


def test_the_ancestors_alerts_are_rules_by_place() -> None:
    first, third = legacy_rules(["Is it dark?", " ", "A dog?"], "front", LIMITS)
    assert (first.id, third.id) == ("r0", "r2")
    assert (first.question, third.question) == ("Is it dark?", "A dog?")
    assert first.cameras == ("front",)
    assert (first.gate, first.cooldown_s) == ("none", 60)
    assert parse_rule(encode_rule(first)) == first
    assert legacy_rules([], "front", LIMITS) == ()
    (everywhere,) = legacy_rules(["?"], None, LIMITS)
    assert applies(everywhere, "any")


@pytest.mark.parametrize(
    ("alerts", "param", "allowed"),
    [
        (["a"] * 11, "alerts", "at most 10"),
        (["a", "b" * 101], "alerts[1]", "at most 100 characters"),
        (["", "\ud800"], "alerts[1]", "a text"),
    ],
)
def test_the_ancestors_limits_hold(alerts: list[str], param: str, allowed: str) -> None:
    with pytest.raises(BadJob) as caught:
        legacy_rules(alerts, None, LIMITS)
    assert caught.value.param == param
    assert allowed in str(caught.value)
