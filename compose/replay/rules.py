"""The rules to replay: questions, the rules of a settings file, or JSON as `/v1/rules` has it."""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from bus.errors import BadJob, BadSettings
from bus.rule_parsing import change_rule, parse_rule
from bus.rules import EVERY, Rule, applies


def load_rules(
    questions: Sequence[str], file: str | None, changes: Sequence[str], camera: str
) -> tuple[Rule, ...]:
    """
    The rules for *camera*, `*` for all, each with *changes* such as `for_s=5`.

    Even those that are disabled: who tries a rule wants to see it.
    Raise `BadJob` that names the rule and the field, `BadSettings` for a file that is none.
    """
    asked = ((f"rule-{n}", {"question": text}) for n, text in enumerate(questions, 1))
    found = [_parsed(name, fields) for name, fields in (*asked, *_read(file))]
    patch = dict(map(_change, changes))
    rules = [replace(_changed(rule, patch), enabled=True) for rule in found]
    chosen = tuple(rule for rule in rules if camera == EVERY or applies(rule, camera))
    if not chosen:
        raise BadSettings("there is no rule to replay: use --rule or --rules")
    _refuse_twins(chosen)
    return chosen


def _read(file: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """The names of rules and their fields, not looked at yet."""
    if file is None:
        return
    try:
        data = Path(file).read_bytes()
        is_toml = file.endswith(".toml")
        value = tomllib.loads(data.decode()) if is_toml else msgspec.json.decode(data)
    except (OSError, ValueError, msgspec.DecodeError) as error:
        raise BadSettings(f"{file}: {error}") from error
    found = _tables(value) if is_toml else _listed(value)
    for name, fields in found:
        if not isinstance(fields, dict):
            raise BadSettings(f"{file}: {name} is no rule")
        yield name, fields


def _tables(settings: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    tables = settings.get("rules", {})
    return tables.items() if isinstance(tables, dict) else [("rules", tables)]


def _listed(value: Any) -> Iterable[tuple[str, Any]]:
    """A list of rules, alone or as `data`, or one rule."""
    value = value.get("data", [value]) if isinstance(value, dict) else value
    rules = value if isinstance(value, list) else [value]
    return [
        (str(rule.get("id") or f"rule-{n}") if isinstance(rule, dict) else f"rule-{n}", rule)
        for n, rule in enumerate(rules, 1)
    ]


def _parsed(name: str, fields: dict[str, Any]) -> Rule:
    try:
        return parse_rule({"id": name, **fields})
    except BadJob as error:
        raise BadJob(f"rule {name}: {error}", param=error.param) from error


def _change(text: str) -> tuple[str, Any]:
    field, equals, value = text.partition("=")
    if not equals:
        raise BadJob(f"--set {text}: write a field and its value, such as for_s=5")
    try:
        return field, msgspec.json.decode(value)
    except msgspec.DecodeError:
        return field, value


def _changed(rule: Rule, patch: dict[str, Any]) -> Rule:
    try:
        return change_rule(rule, patch) if patch else rule
    except BadJob as error:
        raise BadJob(f"--set {error}", param=error.param) from error


def _refuse_twins(rules: Sequence[Rule]) -> None:
    names = [rule.id for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise BadJob(f"rule {name}: there are two of that id", param="id")
