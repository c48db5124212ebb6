"""Measured figures by which a build's capacity is planned, each with where it comes from."""

from typing import Final

WORKER_CALLS: Final = 256
"""Calls in flight that one process holds (tests/benchmarks/in_flight.py)."""
HELD: Final = 0.9
"""Share of the calls allowed that are really out, 0 to 1: 0.98 on an idle machine, 0.87 to 0.92 on a busy
one (tests/benchmarks/in_flight.py)."""
CPU_S: Final = 0.5
"""Seconds of CPU of a triplet of `CPU_PIXELS` in the process that does it, codecs included
(tests/benchmarks/pipeline.py)."""
CPU_PIXELS: Final = 1408 * 1056
"""Pixels of the pictures by which `CPU_S` was measured."""
WORKER_BYTES: Final = 0.9 * 2**30
"""Most memory of a process that holds `WORKER_CALLS` (tests/benchmarks/in_flight.py and scale.py)."""
MOST_HANDS: Final = 32
"""Processes or workers that share one run at most: the bound of `effort.processes`."""

STAGES: Final = 6
"""Task runs of a shard beside its own: pad, regenerate, filter, rewrite, align, publish."""
CLIENT_TASK_S: Final = 0.010
"""Client CPU of a task run, in seconds: 6.5 to 10 ms, Prefect 3.9.1, 2 cores, 100 to 3,000 mapped runs."""
SERVER_TASK_S: Final = 0.020
"""Server CPU of a task run, in seconds: 16 to 20 ms with the batch sizes of docker/compose.yaml on
PostgreSQL, measured in November 2026 on 2 cores with 1,000 to 3,000 mapped task runs."""
SERVER_TASK_DEFAULT_S: Final = 0.076
"""The same with Prefect's own batch sizes: 54 to 76 ms."""
TASK_BYTES: Final = 17_000
"""Database of a task run, its states and events included: 15 to 17 kB on PostgreSQL, same measurement."""
SQLITE_TASK_BYTES: Final = 24_000
"""The same on SQLite: 19 to 24 kB."""

BUCKET_PUTS: Final = 3_500
BUCKET_GETS: Final = 5_500
"""Requests a second that a bucket takes at least under one prefix: PUT, COPY, POST, DELETE, and GET, HEAD
(Amazon S3 Developer Guide, "Request Rate and Performance Guidelines")."""
SHARD_PUTS: Final = 24
SHARD_GETS: Final = 54
"""Requests to the bucket of one shard through all stages: the more of two measurements with 4 to 32 rows in
a shard, rounded up (tests/benchmarks/bucket_requests.py)."""
TRIPLET_PUTS: Final = 3
TRIPLET_GETS: Final = 4
"""Likewise of each triplet beside them: 2.3 to 3, and 2 to 3.5."""
JOURNAL_BYTES: Final = 7_300
"""Bytes of a triplet in journals: intents, texts, ledger lines (same measurement)."""
PART_BYTES: Final = 50 * 2**20
"""Bytes of a part of an upload (s3fs, `put_file`); each is a PUT."""
