"""Writes deployments/*.yaml, one for each kind of work pool: `make docs`. With --check, only compares."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deployments"
INPUTS = {
    "omniedit": "s3://bucket/omniedit/data/*.parquet",
    "complex-edit": "s3://bucket/omniedit/data/*.parquet",
    "scaleedit": "s3://bucket/scaleedit",
    "folder": "s3://bucket/own",
    "hqedit": "s3://bucket/hqedit/data/*.parquet",
    "ultraedit": "s3://bucket/ultraedit/data/*.parquet",
    "seed-data-edit": "s3://bucket/seed-data-edit",
    "gpt-image-edit": "s3://bucket/gpt-image-edit/gpt-edit",
}
"""Where the pilot of each source's deployment finds its rows: to be changed to where yours lie."""
_PROCESS = """\
      env:
        PREFECT_LOGGING_EXTRA_LOGGERS: editcorpus
        # As `flows/memory.py`, but from the start of the process: later glibc has made its heaps.
        MALLOC_ARENA_MAX: "2"
        ARROW_DEFAULT_MEMORY_POOL: system
"""
_IMAGE = """\
      # The image that docker/Dockerfile makes, with its registry and version, as the shell that deploys
      # has it: the flow runs of a build must all be of one image.
      image: "{{ $EDITCORPUS_IMAGE }}"
"""
_KUBERNETES = """\
      # The first pull of an image, and a node that is yet to come, take their time.
      pod_watch_timeout_seconds: 900
      finished_job_ttl: 86400
"""
_OWN_CONTAINER = """\
        # The image's own: what the worker has would be passed on.
        PREFECT_HOME: /data/prefect
        # A {unit} that is {stopped} hands its flow run back instead of leaving it as Crashed.
        PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR: reschedule
"""
_CONTAINER = _OWN_CONTAINER.format(unit="container", stopped="stopped")
_POD = _OWN_CONTAINER.format(unit="pod", stopped="evicted")
POOLS = {
    "prefect": ("local", "process", _PROCESS),
    "docker": ("docker", "docker", _IMAGE + _PROCESS + _CONTAINER),
    "kubernetes": ("kubernetes", "kubernetes", _IMAGE + _KUBERNETES + _PROCESS + _POD),
}
"""Name and kind of the pool, and the variables of its jobs, by the file's name."""
TEMPLATES = {
    "docker": "docker/job-template.json",
    "kubernetes": "docker/kubernetes/overlays/kubernetes-pool/job-template.json",
}
"""What the jobs of a pool are made of, by the file's name; Prefect's own where none is named."""
_TEMPLATE = """\
  # What jobs of the pool are made of, where `editcorpus setup-prefect` makes it.
  base_job_template: ../{template}
"""
_HEAD = """\
# The deployments of this project, for a work pool of the kind {kind}: written by scripts/deployments.py.
#   prefect work-pool create {pool} --type {kind}{option}
#   prefect --no-prompt deploy --all --prefect-file deployments/{file}.yaml
# Their parameters are a dry run of a pilot, so that a quick run does no harm: set `input` to where your
# rows lie, and turn `dry_run` off once you have seen what it would cost. docs/prefect.md tells the rest.
prefect-version: ">=3.8.8,<4"

# No step: code is imported from the environment or image that the flow run has. Left out, Prefect would
# write the absolute working folder of whoever deploys into every run.
pull: []

definitions:
{template}\
  # Runs wait while others take their partitions: in one queue they would hold the slots that these need.
  # Limits and priorities are the queues' own (`prefect work-queue`); `editcorpus setup-prefect` sets them.
  queues:
    - {{name: runs, priority: 1, concurrency_limit: 8}}
    - {{name: partitions, priority: 2, concurrency_limit: 64}}
  runs: &runs
    name: {pool}
    work_queue_name: runs
    job_variables: &job
{job}\
  partitions: &partitions
    name: {pool}
    work_queue_name: partitions
    job_variables: *job
  # Off until somebody turns it on; then it goes on with the run that the parameters name.
  nightly: &nightly
    - {{cron: "0 2 * * *", timezone: UTC, slug: nightly, active: false}}
  pilot: &pilot {{limit: 100, shard_size: 32}}
  careful: &careful {{dry_run: true, budget_usd: 25}}

# No deployment has a limit: several runs of a source go on side by side, and of one run name the lock in
# the store lets one flow run work at a time. None is retried by itself: single calls and stages are, and
# what stopped a run, such as its budget, would stop it again.
deployments:
"""
_PILOT = "Run, Custom run opens its form. A run is a dry run there, which pays nothing, until Dry run is off."
_SOURCE = """
  - name: {name}
    entrypoint: editcorpus_flows.{module}
    description: |-
      {about}

      {pilot}
    tags: [editcorpus, {name}]
    work_pool: *runs
    schedules: *nightly
    parameters:
{more}\
      recipe:
        run: {name}-pilot
        input: {input}
        selection: *pilot
        effort: *careful
  - name: {name}-partition
    entrypoint: editcorpus_flows.partition
    description: {part}
    tags: [editcorpus, {name}, partition]
    work_pool: *partitions
"""
_BETWEEN = """
  # Each `...-partition` takes parts of a run whose `effort.workers` names it; nobody else starts it. A part
  # is a flow run of its own, which any worker of the pool can do.
"""
_OWN = """
  # Any source by the path of a file that describes it, which every worker has (CONTRIBUTING.md).
"""
_CORPUS = """
  # Unites finished runs of the store into one corpus; with more runs, it adds files and changes none.
  - name: corpus
    entrypoint: editcorpus_flows.corpus
    description: {about}
    tags: [editcorpus, corpus]
    work_pool: *runs
    schedules: *nightly
    parameters:
      unification:
        name: pilots
        runs: [omniedit-pilot]
"""


def page(file: str) -> str:
    """The file for a kind of pool, as the code has it."""
    pool, kind, job = POOLS[file]
    sources = "".join(_source(name, where) for name, where in INPUTS.items())
    own = _source("own-source", "s3://bucket/own", "      source: /opt/sources/mine.py\n")
    template = TEMPLATES.get(file, "")
    told = {
        "option": f" --base-job-template {template}" if template else "",
        "template": _TEMPLATE.format(template=template) if template else "",
    }
    head = _HEAD.format(file=file, pool=pool, kind=kind, job=job, **told)
    last = own.removeprefix("\n") + _CORPUS.format(about=_about("corpus"))
    return head + _BETWEEN.removeprefix("\n") + sources + _OWN + last


def _source(name: str, where: str, more: str = "") -> str:
    module = name.replace("-", "_")
    told = {"about": _about(module), "part": _about("partition"), "pilot": _PILOT}
    return _SOURCE.format(name=name, module=module, input=where, more=more, **told)


def _about(flow: str) -> str:
    """What a flow does, as its docstring says first; what follows there is for the form."""
    code = ast.parse((ROOT / "flows" / f"{flow}.py").read_text("utf-8"))
    found = next(one for one in code.body if getattr(one, "name", "") == flow)
    assert isinstance(found, ast.FunctionDef)  # noqa: S101
    return (ast.get_docstring(found) or "").partition("\n\n")[0]


if __name__ == "__main__":
    pages = {FOLDER / f"{file}.yaml": page(file) for file in POOLS}
    if "--check" in sys.argv[1:]:
        old = [path.name for path, text in pages.items() if path.read_text("utf-8") != text]
        sys.exit(f"Run `make docs`: {', '.join(old)}." if old else 0)
    for path, text in pages.items():
        path.write_text(text, "utf-8")
