"""What holds for the image, the compose file and the manifests without an engine or a cluster."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect import __version__ as prefect_version
from prefect.settings import Settings
from prefect.settings.legacy import _get_settings_fields

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
KUBERNETES = DOCKER / "kubernetes"
BIN = Path(sys.executable).parent
DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
KUSTOMIZATIONS = sorted(KUBERNETES.rglob("kustomization.yaml"))
MANIFESTS = sorted(set(KUBERNETES.rglob("*.yaml")) - set(KUSTOMIZATIONS))
TEMPLATE = KUBERNETES / "overlays" / "kubernetes-pool" / "job-template.json"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
VERSION = PROJECT["project"]["version"]

OLDEST: Mapping[str, tuple[tuple[int, ...], str]] = {
    "python": ((3, 11, 14), "tarfile: endless loop on negative offsets (CVE-2025-8194)"),
    "postgres": ((17, 7), "CREATE STATISTICS, libpq overflow (CVE-2025-12817, -12818)"),
    "redis": ((7, 4, 6), "Lua: code of the sender runs in the server (CVE-2025-49844)"),
    "chrislusf/seaweedfs": ((4, 20), "conditional writes are atomic since pull request 8802"),
    "vllm/vllm-openai": ((0, 14, 1), "a picture's error tells addresses (CVE-2026-22778)"),
    "prefecthq/prefect": ((3, 9, 1), "the server's own version: the lock file's"),
}
"""No image may be older than the release that mends what it is chosen for, or what it must not have."""

OF_PREFECT_REDIS = {"PREFECT_REDIS_MESSAGING_URL", "PREFECT_REDIS_WORKER_CLEANUP_QUEUE_URL"}
"""Settings of prefect-redis 0.3, which is in the image and not in the environment of tests."""
OF_PREFECT_KUBERNETES = {
    "PREFECT_INTEGRATIONS_KUBERNETES_OBSERVER_NAMESPACES",
    "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET_KEY",
    "PREFECT_INTEGRATIONS_KUBERNETES_WORKER_API_AUTH_STRING_SECRET_NAME",
}
"""Settings of prefect-kubernetes 0.8, which is in Prefect's own image."""


def of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def manifests(path: Path) -> list[dict[str, Any]]:
    return [one for one in yaml.safe_load_all(path.read_text("utf-8")) if one]


def within(value: Any, key: str) -> Iterator[Any]:
    """Every value under a key, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from within(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from within(inner, key)


OBJECTS = [(path, one) for path in MANIFESTS for one in manifests(path)]
POD_SPECS = {
    f"{one['kind']} {one['metadata']['name']}": one["spec"]["template"]["spec"]
    for _, one in OBJECTS
    if "template" in one.get("spec", {})
}
CONTAINERS = {
    f"{name}/{container['name']}": container
    for name, spec in POD_SPECS.items()
    for container in (*spec.get("initContainers", ()), *spec["containers"])
}
SETTINGS_FILE = dict(
    line.split("=", 1)
    for line in (KUBERNETES / "base" / "server.env").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
)


def images() -> dict[str, str]:
    """Where each image is named, and which."""
    found = {"Dockerfile": re.findall(r"^FROM (\S+) AS base$", DOCKERFILE, re.MULTILINE)[0]}
    found |= {name: service["image"] for name, service in SERVICES.items()}
    return found | {name: container["image"] for name, container in CONTAINERS.items()}


def environment() -> dict[str, str]:
    """Every variable of Prefect's that is set, and where."""
    found = dict.fromkeys(SETTINGS_FILE, "server.env")
    for name, service in SERVICES.items():
        found |= dict.fromkeys(service.get("environment", {}), name)
    for name, container in CONTAINERS.items():
        found |= dict.fromkeys((one["name"] for one in container.get("env", ())), name)
    found |= dict.fromkeys(re.findall(r"^ +(PREFECT_\w+)=", DOCKERFILE, re.MULTILINE), "Dockerfile")
    return {name: where for name, where in found.items() if name.startswith("PREFECT_")}


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run([BIN / "hadolint", DOCKER / "Dockerfile"], capture_output=True, text=True)
    assert done.stdout == ""
    assert done.returncode == 0


def test_the_compose_file_is_one() -> None:
    words = ["--builtin-schema", "vendor.compose-spec", str(DOCKER / "compose.yaml")]
    done = subprocess.run([BIN / "check-jsonschema", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_manifest_is_strictly_valid() -> None:
    done = subprocess.run(
        [BIN / "kubernetes-validate", "--strict", *MANIFESTS], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(MANIFESTS) >= 8


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=of)
def test_every_resource_of_a_kustomization_exists(path: Path) -> None:
    (found,) = manifests(path)
    generated = [
        name.partition("=")[2] or name
        for generator in found.get("configMapGenerator", ())
        for name in (*generator.get("envs", ()), *generator.get("files", ()))
    ]
    named = [*found["resources"], *generated]
    assert [name for name in named if not (path.parent / name).exists()] == []
    beside = {one.name for one in path.parent.iterdir() if one.is_file()} - {path.name}
    assert beside <= set(named), "Nothing lies beside it that nobody applies."


def test_the_job_of_a_flow_run_is_strictly_valid(tmp_path: Path) -> None:
    template = yaml.safe_load(TEMPLATE.read_text("utf-8"))
    known = template["variables"]["properties"]
    fill = {
        "command": ["prefect", "flow-run", "execute"],
        "env": [],
        "labels": {},
        "annotations": {},
    }
    fill |= {"name": "run"}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [filled(inner) for inner in value]
        if isinstance(value, str) and (named := re.fullmatch(r"\{\{ (\w+) \}\}-?", value)):
            assert named[1] in known, named[1]
            return fill[named[1]] if named[1] in fill else known[named[1]]["default"]
        return value

    job = filled(template["job_configuration"]["job_manifest"])
    job["metadata"]["name"] = "run"  # which the check asks for, and the cluster makes
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    done = subprocess.run(
        [BIN / "kubernetes-validate", "--strict", tmp_path / "job.yaml"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    spec = job["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == f"editcorpus:{VERSION}"
    assert spec["terminationGracePeriodSeconds"] >= 45
    assert job["spec"]["backoffLimit"] == 0  # else Prefect leaves an evicted run to Kubernetes


@pytest.mark.parametrize("kind", ["docker", "kubernetes"])
def test_deployments_set_only_what_the_job_template_knows(kind: str) -> None:
    path = ROOT / "deployments" / f"{kind}.yaml"
    found = yaml.safe_load(path.read_text("utf-8"))
    template = path.parent / found["definitions"]["base_job_template"]
    known = yaml.safe_load(template.read_text("utf-8"))["variables"]["properties"]
    assert known["image"]["default"] == f"editcorpus:{VERSION}"
    for variables in within(found["deployments"], "job_variables"):
        assert set(variables) <= set(known)


def test_containers_of_the_docker_pool_are_as_bounded_as_those_of_the_compose_file() -> None:
    template = yaml.safe_load((DOCKER / "job-template.json").read_text("utf-8"))
    made = template["job_configuration"]["container_create_kwargs"]
    worker = SERVICES["worker"]
    for name in ("init", "read_only", "cap_drop", "security_opt"):
        assert made[name] == worker[name]
    assert [*made["tmpfs"]] == worker["tmpfs"]
    limits = worker["deploy"]["resources"]["limits"]
    assert made["pids_limit"] == limits["pids"]
    assert template["variables"]["properties"]["mem_limit"]["default"] == limits["memory"].lower()
    named = re.findall(r"\{\{ (\w+) \}\}", str(template["job_configuration"]))
    assert sorted(named) == sorted(template["variables"]["properties"])


@pytest.mark.parametrize(("where", "image"), images().items(), ids=images())
def test_images_are_pinned_and_not_older_than_what_they_must_mend(where: str, image: str) -> None:
    name, _, tag = image.removeprefix("docker.io/library/").partition(":")
    if name == "editcorpus":
        assert tag in {"", VERSION}
        return
    numbers = re.match(r"v?(\d+(?:\.\d+)+)", tag)
    assert numbers, f"{where}: {image} names no version."
    oldest, why = OLDEST[name]
    assert tuple(map(int, numbers[1].split("."))) >= oldest, why


def test_each_table_row_is_about_an_image_that_is_used() -> None:
    used = {
        image.removeprefix("docker.io/library/").partition(":")[0] for image in images().values()
    }
    assert used - {"editcorpus"} == set(OLDEST)


def test_kustomizations_give_the_image_the_version_of_the_project() -> None:
    for path in KUSTOMIZATIONS:
        (found,) = manifests(path)
        assert {one["name"]: one["newTag"] for one in found["images"]} == {"editcorpus": VERSION}


def test_prefects_own_image_has_the_version_of_the_lock_file() -> None:
    locked = re.findall(r"^prefect==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked == [prefect_version]
    used = {image for image in images().values() if image.startswith("prefecthq/")}
    assert used == {f"prefecthq/prefect:{prefect_version}-python3.11-kubernetes"}


def test_every_variable_of_prefects_is_a_setting_of_this_version() -> None:
    known = set(_get_settings_fields(Settings)) | OF_PREFECT_REDIS | OF_PREFECT_KUBERNETES
    assert {name: where for name, where in environment().items() if name not in known} == {}
    assert len(environment()) > 25


def test_compose_and_kubernetes_have_the_same_settings_of_the_server() -> None:
    compose = {
        name: value
        for name, value in SERVICES["services"]["environment"].items()
        if "${" not in str(value)
    }
    ours = {name: value for name, value in SETTINGS_FILE.items() if "UI_" not in name}
    assert compose == ours


def test_values_of_settings_are_ones_that_prefect_takes(tmp_path: Path) -> None:
    code = "import prefect.settings as s; print(s.get_current_settings().server.database.timeout)"
    plain = {name: value for name, value in SETTINGS_FILE.items() if "prefect_redis" not in value}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**plain, "PREFECT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "60.0"


def test_everything_that_the_image_is_made_of_is_there_and_let_through() -> None:
    asked = [
        source
        for line in re.findall(r"^COPY (?!--from)(?:--\S+ )*(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    let_through = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    assert set(asked) == let_through
    assert [name for name in asked if not (ROOT / name).exists()] == []
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(packages) < set(asked)


def test_what_builds_the_wheel_and_what_server_and_pools_add_is_locked_with_hashes() -> None:
    locks = {"build": "hatchling", "server": "prefect-redis", "pools": "prefect-docker"}
    for name, package in locks.items():
        lock = (DOCKER / f"{name}.lock").read_text("utf-8")
        assert re.search(rf"^{package}==\S+ \\$", lock, re.MULTILINE)
        assert lock.count("==") <= lock.count("--hash=sha256:")


def test_the_image_is_unprivileged_and_says_whether_it_is_well() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\S+)$", last, re.MULTILINE) == ["10001:10001"]
    assert "HEALTHCHECK" in last
    assert "COPY --from=build /app /app" in last


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_bounded_and_waits_for_health(name: str) -> None:
    service = SERVICES[name]
    assert "healthcheck" in service
    if name != "cli":
        assert service["deploy"]["resources"]["limits"]["memory"]
    conditions = {one["condition"] for one in service.get("depends_on", {}).values()}
    assert conditions <= {"service_healthy", "service_completed_successfully"}
    if str(service["image"]).startswith("editcorpus"):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_the_second_api_starts_after_the_first_and_both_after_the_tables() -> None:
    after = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    assert after["server"] == {"migrate"}
    assert after["server-2"] == after["services"] == {"server"}
    assert after["migrate"] == {"postgres", "redis"}
    aliases = [SERVICES[name]["networks"]["apps"]["aliases"] for name in ("server", "server-2")]
    assert aliases == [["api"], ["api"]]


def test_one_port_is_open_and_to_this_machine_alone() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:${UI_PORT:-4200}:4200"]
    assert COMPOSE["networks"]["data"] == {"internal": True}
    for name in ("postgres", "redis", "s3"):
        assert SERVICES[name]["networks"] == ["data"]


def test_volumes_are_named_and_all_are_used() -> None:
    named = {
        volume.partition(":")[0]
        for service in SERVICES.values()
        for volume in service["volumes"]
        if ":" in volume
    }
    assert named == set(COMPOSE["volumes"])


def test_the_example_names_every_variable_and_holds_no_secret() -> None:
    text = (DOCKER / "compose.yaml").read_text("utf-8")
    asked = set(re.findall(r"\$\{(\w+)", text))
    lines = (DOCKER / ".env.example").read_text("utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert set(given) == asked
    secret = {name for name in asked if f"${{{name}:?" in text}
    assert {name for name in secret if given[name]} == set()
    ignored = (ROOT / ".gitignore").read_text("utf-8").splitlines()
    assert ".env" in ignored


@pytest.mark.parametrize("name", POD_SPECS)
def test_pods_are_unprivileged(name: str) -> None:
    spec = POD_SPECS[name]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def test_only_the_dispatcher_gets_a_token_of_the_cluster() -> None:
    tokens = {
        name for name, spec in POD_SPECS.items() if "automountServiceAccountToken" not in spec
    }
    assert tokens == {"Deployment dispatcher"}
    job = yaml.safe_load(TEMPLATE.read_text("utf-8"))["job_configuration"]["job_manifest"]
    assert job["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_secrets_are_named_by_reference_alone_and_documented() -> None:
    assert not [one for _, one in OBJECTS if one["kind"] == "Secret"]
    docs = (ROOT / "docs" / "containers.md").read_text("utf-8")
    for _, one in OBJECTS:
        for reference in within(one, "secretKeyRef"):
            assert reference["name"] in docs
            assert f"{reference['key']}=" in docs


def test_workers_have_time_for_their_flow_runs_to_end() -> None:
    spec = POD_SPECS["Deployment worker"]
    patience = {one["name"]: one.get("value") for one in spec["containers"][0]["env"]}
    drained = float(patience["EDITCORPUS_DRAIN_SECONDS"] or 0)
    assert spec["terminationGracePeriodSeconds"] >= drained + 15
    worker = SERVICES["worker"]
    drained = float(worker["environment"]["EDITCORPUS_DRAIN_SECONDS"])
    assert float(worker["stop_grace_period"].removesuffix("s")) >= drained + 15
