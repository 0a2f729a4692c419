"""The house rules that a machine can check."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SERVICES = ("alerts", "api", "capture", "inference", "preview")
PACKAGES = ("bus", "compose", *SERVICES)
FILES = sorted(file for name in PACKAGES for file in (ROOT / name).rglob("*.py"))
PURE = (
    *("bus/messages.py", "bus/names.py", "bus/errors.py", "bus/alerts.py", "bus/rules.py"),
    *("bus/rule_parsing.py", "bus/legacy_rules.py"),
    *("bus/schedule.py", "alerts/trigger.py", "alerts/pace.py", "alerts/events.py"),
    *("api/schemas.py", "api/chat_request.py", "api/answers.py", "capture/share.py"),
)
DOCS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "models").rglob("*.md")]
)


def name_of(file: Path) -> str:
    return str(file.relative_to(ROOT))


def modules(file: Path) -> set[str]:
    """Every module that *file* imports, at the top or within."""
    names = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def roots(file: Path) -> set[str]:
    return {name.split(".")[0] for name in modules(file)}


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_service_imports_only_itself_and_the_bus(file: Path) -> None:
    package = file.relative_to(ROOT).parts[0]
    allowed = {"bus", package}
    if package == "compose":  # it starts the services, asks their settings, tries their parts
        allowed |= set(SERVICES)
    assert roots(file) & set(PACKAGES) <= allowed


@pytest.mark.parametrize("name", PURE)
def test_what_is_pure_touches_no_clock_socket_or_environment(name: str) -> None:
    impure = {"asyncio", "httpx", "os", "redis", "socket", "subprocess", "time", "zmq"}
    assert not roots(ROOT / name) & impure


def test_only_the_engine_child_imports_openvino() -> None:
    importing = {name_of(file) for file in FILES if roots(file) & {"openvino", "openvino_genai"}}
    assert importing
    assert all(name.startswith("inference/ov/") for name in importing)
    assert not roots(ROOT / "inference/engines/openvino.py") & {"openvino", "openvino_genai"}


def test_every_package_is_listed_in_pyproject() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert {".".join(file.parent.relative_to(ROOT).parts) for file in FILES} == set(listed)


def test_every_dependency_has_its_line_in_the_design() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["openvino"]
    names = {re.split(r"[\[<>=;~ ]", name)[0] for name in wanted}
    design = (ROOT / "DESIGN.md").read_text()
    assert {name for name in names if f"`{name}`" not in design} == set()


def test_init_files_are_empty() -> None:
    assert [
        name_of(file) for file in FILES if file.name == "__init__.py" and file.read_text()
    ] == []


@pytest.mark.parametrize("file", DOCS, ids=name_of)
def test_links_between_documents_lead_somewhere(file: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", file.read_text())
    assert [link for link in links if not (file.parent / link).exists()] == []
