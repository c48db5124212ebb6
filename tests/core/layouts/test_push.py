"""Push: what is there is not sent again, a half push is no corpus, and every refusal is one sentence."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hub_writes import TOKEN, HubWrites

from editcorpus.errors import ConfigError, RunStopped, ShardError
from editcorpus.layouts import comparison
from editcorpus.layouts.catalogue import LAYOUTS
from editcorpus.layouts.comparison import UNFINISHED, Plan, plan_push
from editcorpus.layouts.contents import Contents, contents
from editcorpus.layouts.corpus import open_corpus
from editcorpus.layouts.export import export
from editcorpus.layouts.push import push
from editcorpus.layouts.repository import Repository
from editcorpus.storage import Store

NAME = "team/spring"
Build = Callable[..., Store]
pytestmark = pytest.mark.filterwarnings(  # `huggingface_hub` sends files so
    "ignore:Use 'content=:DeprecationWarning"
)


@pytest.fixture
def cargo(build: Build, sample: Any) -> Contents:
    store = build()
    store.write(f"{sample.folder}/previews/00000000.jpg", b"\xff\xd8\xff small")
    store.write(f"{sample.folder}/gallery/index.html", b"<p>It stays here.</p>")
    return contents(store, sample.folder)


@pytest.fixture
def repository(hub_writes: HubWrites) -> Repository:
    return Repository(NAME, "main", TOKEN, hub_writes.url)


def pushed(cargo: Contents, repository: Repository, **options: Any) -> Plan:
    plan = plan_push(cargo, repository)
    push(cargo, repository, plan, **options)
    return plan


def whole(cargo: Contents) -> dict[str, bytes]:
    names = [file.path for file in (*cargo.files, *cargo.last)]
    return {name: cargo.store.read(f"{cargo.folder}/{name}") for name in names}


def there(hub: HubWrites, branch: str = "main") -> dict[str, bytes]:
    return {path: data for path, data in hub.files(NAME, branch).items() if path[0] != "."}


def paths(files: Any) -> list[str]:
    return [file.path for file in files]


def test_a_corpus_arrives_whole_and_its_mark_comes_last(
    cargo: Contents, repository: Repository, hub_writes: HubWrites
) -> None:
    heard: list[tuple[int, int]] = []
    plan = plan_push(cargo, repository)
    commit = push(cargo, repository, plan, told=lambda *counts: heard.append(counts))
    assert there(hub_writes) == whole(cargo)
    assert "gallery/index.html" not in there(hub_writes)
    commits = hub_writes.repos[NAME].commits
    assert [added for _, added, _ in commits] == [
        [UNFINISHED],
        paths(cargo.files),
        ["README.md", "manifest.json"],
    ]
    assert commits[-1][2] == [UNFINISHED]
    assert commit == repository.head()
    last = sum(file.bytes for file in cargo.last)
    size = sum(map(len, whole(cargo).values()))
    assert heard == [(size - last, size)]


def test_looking_changes_nothing(
    cargo: Contents, repository: Repository, hub_writes: HubWrites
) -> None:
    plan = plan_push(cargo, repository)
    assert (plan.made, plan.missing, plan.last) == (True, cargo.files, cargo.last)
    assert not any(call.startswith(("POST", "PUT")) for call in hub_writes.calls)
    assert hub_writes.repos == {}


def test_what_is_there_is_not_sent_again(
    cargo: Contents, repository: Repository, hub_writes: HubWrites
) -> None:
    pushed(cargo, repository)
    received, commits = dict(hub_writes.received), len(hub_writes.repos[NAME].commits)
    hub_writes.calls.clear()
    plan = plan_push(cargo, repository)
    assert plan.idle
    assert plan.there == (*cargo.files, *cargo.last)
    assert push(cargo, repository, plan) == f"{commits:040x}"
    assert dict(hub_writes.received) == received
    assert not any(call.startswith(("POST", "PUT")) for call in hub_writes.calls)


def test_another_state_of_the_same_corpus_replaces_the_first(
    build: Build, sample: Any, cargo: Contents, repository: Repository, hub_writes: HubWrites
) -> None:
    pushed(cargo, repository)
    cargo.store.remove(f"{cargo.folder}/data/train-00001.parquet")
    build(shards=(sample.records[:2],))
    changed = contents(cargo.store, cargo.folder)
    plan = pushed(changed, repository)
    assert (paths(plan.missing), paths(plan.last)) == ([], ["manifest.json"])
    assert plan.removed == ("data/train-00001.parquet",)
    assert there(hub_writes) == whole(changed)
    _, added, deleted = hub_writes.repos[NAME].commits[-1]
    assert (added, deleted) == (["manifest.json"], ["data/train-00001.parquet"])


def test_while_new_records_come_the_old_mark_is_gone(
    build: Build, sample: Any, cargo: Contents, repository: Repository, hub_writes: HubWrites
) -> None:
    pushed(cargo, repository)
    build(shards=(sample.records[:2], (sample.published(7),)))
    changed = contents(cargo.store, cargo.folder)
    plan = plan_push(changed, repository)
    hub_writes.refuse["PUT /storage/"] = (400, "No.")
    with pytest.raises(RunStopped, match="status 400"):
        push(changed, repository, plan)
    assert "manifest.json" not in there(hub_writes)
    assert UNFINISHED in there(hub_writes)
    hub_writes.refuse.clear()
    pushed(changed, repository)
    assert there(hub_writes) == whole(changed)


def test_an_export_is_pushed_with_its_own_mark(
    build: Build, sample: Any, store: Store, repository: Repository, hub_writes: HubWrites
) -> None:
    export(open_corpus(build(), sample.folder), LAYOUTS["webdataset"], store, "out")
    cargo = contents(store, "out")
    assert (cargo.corpus, cargo.layout, paths(cargo.last)[-1]) == (
        *("spring", "webdataset"),
        "export.json",
    )
    pushed(cargo, repository)
    assert there(hub_writes) == whole(cargo)
    assert plan_push(cargo, repository).idle
    corpus = contents(store, sample.folder)
    with pytest.raises(
        ConfigError, match="holds 'spring' as 'webdataset', not 'spring' as 'corpus'"
    ):
        plan_push(corpus, repository)


def test_a_branch_of_its_own_leaves_the_others_alone(
    cargo: Contents, hub_writes: HubWrites
) -> None:
    hub_writes.make(NAME, {"README.md": b"# ours\n"})
    repository = Repository(NAME, "v2", TOKEN, hub_writes.url)
    assert plan_push(cargo, repository).made
    pushed(cargo, repository)
    assert there(hub_writes, "v2") == whole(cargo)
    assert there(hub_writes) == {"README.md": b"# ours\n"}
    assert repository.url.endswith("/datasets/team/spring/tree/v2")


def test_large_files_go_in_parts_where_the_hub_wants_it(
    cargo: Contents, repository: Repository, hub_writes: HubWrites
) -> None:
    hub_writes.part_bytes = 1_000
    pushed(cargo, repository)
    assert there(hub_writes) == whole(cargo)
    assert set(hub_writes.received.values()) == {1}


@pytest.mark.s3
def test_a_corpus_of_a_bucket_passes_through_the_spool(
    cargo: Contents, s3_store: Store, repository: Repository, hub_writes: HubWrites
) -> None:
    for name, data in whole(cargo).items():
        s3_store.write(f"corpora/spring/{name}", data)
    pushed(contents(s3_store, "corpora/spring"), repository)
    assert there(hub_writes) == whole(cargo)
    assert s3_store.spool is not None
    assert list(s3_store.spool.iterdir()) == []


KILLED = """
import sys
from pathlib import Path
from editcorpus.layouts import push as module
from editcorpus.layouts.comparison import plan_push
from editcorpus.layouts.contents import contents
from editcorpus.layouts.repository import Repository
from editcorpus.storage import Store
root, url, token = sys.argv[1:]
module._COMMIT_FILES, module._GROUP_FILES = 2, 1
cargo = contents(Store.on_disk(root), "corpora/spring")
repository = Repository("team/spring", "main", token, url)
module.push(cargo, repository, plan_push(cargo, repository))
"""


@pytest.mark.parametrize("arrived", [1, 2, 3, 4])
def test_a_push_that_was_killed_sends_nothing_twice_that_arrived(
    cargo: Contents, repository: Repository, hub_writes: HubWrites, arrived: int
) -> None:
    hub_writes.stop_after = arrived
    words = [sys.executable, "-c", KILLED, str(cargo.store.local), hub_writes.url, TOKEN]
    env = {**os.environ, "HF_HUB_DISABLE_XET": "1", "PYTHONWARNINGS": ""}
    with subprocess.Popen(words, env=env, stderr=subprocess.DEVNULL) as child:
        assert hub_writes.stopped.wait(60)
        child.kill()
    assert "manifest.json" not in there(hub_writes)
    assert "README.md" not in there(hub_writes)
    assert json.loads(there(hub_writes)[UNFINISHED]) == {"corpus": "spring", "layout": "corpus"}
    plan = pushed(cargo, repository)
    assert plan.begun
    assert there(hub_writes) == whole(cargo)
    assert hub_writes.received.total() == len(hub_writes.received) == 5
    assert set(hub_writes.received.values()) == {1}


def test_files_of_somebody_else_are_never_touched(
    cargo: Contents, repository: Repository, hub_writes: HubWrites
) -> None:
    hub_writes.make(NAME, {"weights.bin": b"theirs"})
    with pytest.raises(
        ConfigError, match=r"holds other files, such as 'weights\.bin'; name another"
    ):
        plan_push(cargo, repository)
    hub_writes.make(NAME, {"manifest.json": b'{"run": "summer"}', "data/a.parquet": b"theirs"})
    with pytest.raises(ConfigError, match="holds 'summer' as 'corpus', not 'spring'"):
        plan_push(cargo, repository)


@pytest.mark.parametrize("mark", [b"{", b"[]", b"\xff", b"x" * 2**21])
def test_a_mark_that_nobody_reads_is_something_else(
    cargo: Contents, repository: Repository, hub_writes: HubWrites, mark: bytes
) -> None:
    hub_writes.make(NAME, {"manifest.json": mark})
    with pytest.raises(ConfigError, match="holds 'something else' as "):
        plan_push(cargo, repository)


def test_nothing_private_goes_where_everybody_looks(
    cargo: Contents, repository: Repository, hub_writes: HubWrites
) -> None:
    hub_writes.make(NAME)
    with pytest.raises(ConfigError, match=r"team/spring is public; name another, or leave out"):
        plan_push(cargo, repository, private=True)
    del hub_writes.repos[NAME]
    push(cargo, repository, plan_push(cargo, repository, private=True), private=True)
    assert hub_writes.repos[NAME].private
    assert plan_push(cargo, repository, private=True).idle


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (("repos/create", 403, "No write"), (ConfigError, "it needs the right to, in team")),
        (("/commit/", 403, "Storage limit"), (RunStopped, "takes no more for team/spring: Stor")),
        (("/objects/batch", 413, "Too large"), (RunStopped, "takes no more for team/spring: Too")),
        (("/commit/", 412, "One came"), (RunStopped, "Somebody else commits to team/spring")),
        (("PUT /storage/", 403, "Expired"), (ConfigError, "may not write to team/spring")),
        (("/preupload/", 404, ""), (ConfigError, "team/spring is missing, or private and closed")),
        (("/tree/", 400, f"Bad {TOKEN}\n<b>"), (RunStopped, r"400: Bad \*\*\* <b>\. Run the same")),
    ],
)
def test_every_refusal_is_one_sentence(
    cargo: Contents,
    repository: Repository,
    hub_writes: HubWrites,
    answer: tuple[str, int, str],
    expected: tuple[type[Exception], str],
) -> None:
    (call, status, told), (kind, sentence) = answer, expected
    hub_writes.refuse[call] = (status, told)
    if call == "/tree/":
        hub_writes.make(NAME)
    with pytest.raises(kind, match=sentence) as raised:
        pushed(cargo, repository)
    for secret in (TOKEN, "s3cr3t", "\n"):
        assert secret not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_token_that_opens_nothing_is_told_from_a_missing_one(
    cargo: Contents, hub_writes: HubWrites
) -> None:
    with pytest.raises(ConfigError, match="The Hub does not know the token; set HF_TOKEN"):
        plan_push(cargo, Repository(NAME, "main", "hf_old", hub_writes.url))
    assert plan_push(cargo, Repository(NAME, "main", "", hub_writes.url)).made


def test_a_hub_that_is_not_there_is_one_sentence(cargo: Contents, dead_url: str) -> None:
    repository = Repository(NAME, "main", TOKEN, dead_url)
    with pytest.raises(RunStopped, match=r"did not answer \(Connect"):
        repository.is_public()


@pytest.mark.parametrize("name", ["spring", "a/b/c", "team/..", "team/a b", "team/x" + "y" * 100])
def test_a_name_that_is_none_is_one_sentence(
    cargo: Contents, hub_writes: HubWrites, name: str
) -> None:
    with pytest.raises(ConfigError, match="is no name of a repository"):
        plan_push(cargo, Repository(name, "main", TOKEN, hub_writes.url))
    assert hub_writes.calls == []


def test_a_damaged_file_is_not_pushed(
    cargo: Contents, repository: Repository, hub_writes: HubWrites
) -> None:
    path = f"{cargo.folder}/data/train-00000.parquet"
    data = bytearray(cargo.store.read(path))
    data[100] ^= 1
    cargo.store.write(path, bytes(data))
    with pytest.raises(ShardError, match=r"train-00000\.parquet changed, or is damaged"):
        pushed(cargo, repository)
    assert "manifest.json" not in there(hub_writes)
    cargo.store.write(path, bytes(data[:-1]))
    with pytest.raises(ShardError, match=r"has \d+ bytes, not \d+; `editcorpus audit`"):
        contents(cargo.store, cargo.folder)
    cargo.store.remove(path)
    with pytest.raises(ShardError, match="is missing; `editcorpus audit` says more"):
        contents(cargo.store, cargo.folder)


def test_a_corpus_that_changes_meanwhile_does_not_become_whole(
    build: Build, cargo: Contents, repository: Repository, hub_writes: HubWrites
) -> None:
    with pytest.raises(ShardError, match="changed meanwhile; push it again"):
        pushed(cargo, repository, told=lambda *_: build(failed=()) and None)
    assert "manifest.json" not in there(hub_writes)


def test_what_is_not_finished_is_not_pushed(store: Store, sample: Any) -> None:
    store.write("half/data/train-00000.parquet", b"x")
    with pytest.raises(ConfigError, match="half holds no finished corpus and no whole export"):
        contents(store, "half")
    store.write("bad/export.json", b"[]")
    with pytest.raises(ShardError, match=r"export\.json is damaged; export it again"):
        contents(store, "bad")


def test_more_files_than_the_hub_takes_are_refused_before_anything_is_sent(
    cargo: Contents, repository: Repository, hub_writes: HubWrites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "MOST_BESIDE", 3)
    with pytest.raises(ConfigError, match=r"has 7 files, 4 of them in '\.'; .* layout webdataset"):
        plan_push(cargo, repository)
    assert hub_writes.calls == []


def test_a_text_that_the_hub_keeps_in_git_is_known_by_its_name_there(
    build: Build, sample: Any, store: Store, repository: Repository, hub_writes: HubWrites
) -> None:
    export(open_corpus(build(), sample.folder), LAYOUTS["kontext"], store, "out")
    cargo = contents(store, "out")
    pushed(cargo, repository)
    store.write("out/images/00000001.txt", b"Another text.")
    plan = plan_push(contents(store, "out"), repository)
    assert paths(plan.missing) == ["images/00000001.txt"]
    digest = hashlib.sha256(store.read("out/images/00000001.png")).hexdigest()
    assert hub_writes.received[digest] == 1
