"""The files as their programs read them: no engine, no cluster and no Prometheus is needed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.compose

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "compose"
TEXTS = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *FOLDER.rglob("*.yaml")]
OVERRIDES = [file.name for file in FOLDER.glob("*.yaml") if file.name != "compose.yaml"]
MANIFESTS = sorted(file.parent for file in FOLDER.rglob("kustomization.yaml"))
BASE = ("compose.yaml",)


def documented() -> set[tuple[Path, tuple[str, ...]]]:
    """Where each `docker compose -f …` of the documents is said to run, and its files."""
    found = {(FOLDER, BASE), *((FOLDER, (*BASE, name)) for name in OVERRIDES)}
    for text in TEXTS:
        where = text.parent if text.suffix == ".yaml" else FOLDER
        for words in re.findall(r"docker compose((?: -f \S+)+)", text.read_text()):
            found.add((where, tuple(re.findall(r"-f (\S+)", words))))
    return found


def name_of(case: object) -> str:
    return "+".join(case) if isinstance(case, tuple) else Path(str(case)).name


def succeeds(*command: str | Path, cwd: Path = ROOT, **env: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        pytest.skip(f"there is no {name} here")
    return found


def test_the_documents_name_more_than_single_files() -> None:
    assert max(len(files) for _, files in documented()) >= 3
    assert any(where.name == "scale" for where, _ in documented())


@pytest.mark.parametrize(("where", "files"), sorted(documented()), ids=name_of)
def test_compose_takes_every_documented_combination(where: Path, files: tuple[str, ...]) -> None:
    named = [word for file in files for word in ("-f", file)]
    env = {"DOCKER_HOST": "unix:///nonexistent.sock", "REDIS_URL": "rediss://:p@redis:6380/0"}
    succeeds("docker", "compose", *named, "config", "-q", cwd=where, **env)


@pytest.mark.parametrize("folder", MANIFESTS, ids=name_of)
def test_manifests_fit_the_schemas_of_kubernetes(folder: Path, tmp_path: Path) -> None:
    kubectl, validate = program("kubectl"), program("kubernetes-validate")
    file = tmp_path / "rendered.yaml"
    file.write_text(succeeds(kubectl, "kustomize", folder))
    told = succeeds(validate, "--strict", file)
    assert told.count("passed for") >= 10
    unknown = re.findall(r"find schema for kind (\w+) with api version (\S+)", told)
    assert [kind for kind in unknown if not kind[1].startswith("keda.sh/")] == []


def test_prometheus_takes_its_rules_and_settings(tmp_path: Path) -> None:
    promtool = program("promtool")
    rules = FOLDER / "monitoring" / "rules.yml"
    succeeds(promtool, "check", "rules", rules)
    text = (FOLDER / "monitoring" / "prometheus.yml").read_text()
    key = tmp_path / "api-key"
    key.write_text("lk-none\n")
    settings = tmp_path / "prometheus.yml"
    settings.write_text(
        text.replace("/etc/prometheus/rules.yml", str(rules)).replace("/lookout/api-key", str(key))
    )
    succeeds(promtool, "check", "config", settings)
