"""Has the worker of the kubernetes pool make the job of every deployment, and checks each.

    PYTHONPATH=.venv-pools .venv/bin/python tests/containers/jobs.py

No cluster is needed. The worker of prefect-kubernetes, with the variables that the dispatcher has, fills the
pool's job template with what `deployments/kubernetes.yaml` says, and posts each job to a server of this
script, which stands in for the cluster's. Each is held against the schema of Kubernetes.
"""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import kubernetes_validate
import yaml

ROOT = Path(__file__).parents[2]
POOL = ROOT / "docker" / "kubernetes" / "overlays" / "kubernetes-pool"
IMAGE = "registry.example/team/editcorpus:0.1.0"
PASSWORD = "user:only-for-the-server"
"""No job may show it."""
RUN = "Frühling 2026: " + "a name of a flow run that is far too long for a label " * 3


def dispatcher() -> dict[str, str]:
    """The variables of the dispatcher's pod; the password in place of the reference to it."""
    objects = yaml.safe_load_all((POOL / "dispatcher.yaml").read_text("utf-8"))
    (deployment,) = (one for one in objects if one["kind"] == "Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {one["name"]: one.get("value", PASSWORD) for one in container["env"]}


class Cluster(BaseHTTPRequestHandler):
    """Takes jobs, as the API of a cluster does, and keeps them in `server.jobs`."""

    def do_POST(self) -> None:
        """Take a job."""
        job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.jobs.append((self.path, job))  # type: ignore[attr-defined]
        answer = json.dumps(job).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing of it."""


async def post(url: str, deployments: list[Mapping[str, Any]]) -> None:
    """Have the worker make a job for a flow run of each deployment."""
    from kubernetes_asyncio.client import ApiClient, Configuration
    from prefect.client.schemas.objects import Flow, FlowRun, WorkPool
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect_kubernetes.worker import KubernetesWorker

    template = json.loads((POOL / "job-template.json").read_text("utf-8"))
    pool = WorkPool(name="kubernetes", type="kubernetes", base_job_template=template)
    worker = KubernetesWorker(work_pool_name=pool.name)
    async with ApiClient(Configuration(host=url)) as cluster:
        for one in deployments:
            flow = Flow(name=one["name"], labels={})
            deployment = DeploymentResponse(id=uuid4(), name=one["name"], flow_id=flow.id)
            run = FlowRun(name=RUN, flow_id=flow.id, deployment_id=deployment.id)
            job = await worker.job_configuration.from_template_and_values(
                template, one["work_pool"]["job_variables"]
            )
            job.prepare_for_flow_run(run, deployment, flow, pool, "dispatcher")
            await worker._create_job(job, cluster)


def wrong(path: str, job: dict[str, Any]) -> list[str]:
    """What a cluster would refuse, or we would regret."""
    spec = job["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    env = {one["name"]: one.get("value", one.get("valueFrom")) for one in container["env"]}
    password = {"secretKeyRef": {"name": "editcorpus-api", "key": "auth-string"}}
    expected = {
        "namespace": (path, "/apis/batch/v1/namespaces/editcorpus/jobs"),
        "command": (container["args"], ["prefect", "flow-run", "execute"]),
        "image": (container["image"], IMAGE),
        "once": (job["spec"]["backoffLimit"], 0),
        "evicted": (env["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"], "reschedule"),
        "password": (env["PREFECT_API_AUTH_STRING"], password),
        "server": (env["PREFECT_API_URL"], "http://server:4200/api"),
        "home": (env["PREFECT_HOME"], "/data/prefect"),
        "memory": (env["MALLOC_ARENA_MAX"], "2"),
        "user": (spec["securityContext"]["runAsNonRoot"], True),
        "shown": (PASSWORD in json.dumps(job), False),
    }
    found = [
        f"{name}: {got!r}, not {want!r}" for name, (got, want) in expected.items() if got != want
    ]
    try:
        kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
    except kubernetes_validate.ValidationError as error:
        found.append(f"{error.path}: {error.message}")
    return found


def made() -> tuple[list[tuple[str, dict[str, Any]]], int]:
    """Every job with the path that it was posted to, and how many deployments there are."""
    from prefect.utilities.templating import apply_values

    text = (ROOT / "deployments" / "kubernetes.yaml").read_text("utf-8")
    deployments = apply_values(yaml.safe_load(text)["deployments"], {})
    with HTTPServer(("127.0.0.1", 0), Cluster) as server:
        server.jobs = []  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
        asyncio.run(post(f"http://127.0.0.1:{server.server_port}", deployments))
        server.shutdown()
        return server.jobs, len(deployments)  # type: ignore[attr-defined]


def main() -> int:
    """0 where every job is as it is to be; else 1 and what is wrong."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {**dispatcher(), "EDITCORPUS_IMAGE": IMAGE, "PREFECT_HOME": home}
        jobs, wanted = made()
    found = {problem for path, job in jobs for problem in wrong(path, job)}
    if len(jobs) != wanted:
        found.add(f"{len(jobs)} jobs of {wanted} deployments")
    sys.stdout.write("\n".join(sorted(found)) or f"{len(jobs)} jobs are valid")
    sys.stdout.write("\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
