"""Datasets on the Hub as inputs: found at one commit, told apart when they cannot be had."""

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest
from hub_data import HubServer, Refused

from editcorpus.errors import ConfigError, StorageError
from editcorpus.hub import hub_option, parse
from editcorpus.inputs import Inputs

NAME = "TIGER-Lab/OmniEdit"
URL = f"hf://datasets/{NAME}"
TOKEN = "hf_planted51c0de"
FILES = {
    "README.md": b"# A card",
    "data/train-0.parquet": b"first " * 50,
    "data/train-1.parquet": b"second " * 50,
    "data/deep/er.parquet": b"deeper " * 50,
    "data/.hidden.parquet": b"x",
    "data/notes.txt": b"x",
    "other/a b#1?.parquet": b"odd " * 50,
}
DATA = ["data/deep/er.parquet", "data/train-0.parquet", "data/train-1.parquet"]


def options(hub: HubServer, token: str = "") -> dict[str, Any]:
    return {"hub": {"endpoint": hub.url, "token": token}}


@pytest.fixture
def sha(hub: HubServer) -> str:
    return hub.dataset(NAME).commit(FILES)


def urls(sha: str, paths: list[str]) -> tuple[str, ...]:
    return tuple(f"{URL}@{sha}/{path}" for path in paths)


@pytest.mark.parametrize(
    ("end", "paths"),
    [
        ("", [*DATA, "other/a b#1?.parquet"]),
        ("/", [*DATA, "other/a b#1?.parquet"]),
        ("/data", DATA),
        ("@main/data/", DATA),
        ("/data/train-1.parquet", ["data/train-1.parquet"]),
        ("/data/notes.txt", ["data/notes.txt"]),
        ("/data/*.parquet", ["data/train-0.parquet", "data/train-1.parquet"]),
        ("/data/train-[1-9].parquet", ["data/train-1.parquet"]),
        ("/data/**/*.parquet", DATA),
        ("/*/tr*-0.*", ["data/train-0.parquet"]),
        ("/other/a b#1?.parquet", ["other/a b#1?.parquet"]),
    ],
)
def test_a_file_a_folder_and_a_glob_are_found_at_the_commit(
    hub: HubServer, sha: str, end: str, paths: list[str]
) -> None:
    found = Inputs.find(URL + end, options(hub))
    assert found.files == urls(sha, paths)
    assert found.note == ""
    assert {name: len(FILES[parse(name).path]) for name in found.files} == dict(found.sizes)


def test_every_file_is_read_as_it_is_whatever_its_name_and_place(hub: HubServer, sha: str) -> None:
    inputs = Inputs.find([URL, f"{URL}/data/notes.txt"], options(hub))
    assert [inputs.open(name).read() for name in inputs.files] == [
        FILES[parse(name).path] for name in inputs.files
    ]
    fresh = Inputs(options=options(hub))
    with fresh.open(f"{URL}@{sha}/data/train-0.parquet") as file:
        assert (file.seek(0, 2), file.seek(7), file.read(4)) == (300, 7, b"irst")


@pytest.mark.parametrize("revision", ["v1.0", "a/b", "refs/convert/parquet"])
def test_a_branch_a_tag_and_a_ref_are_pinned(hub: HubServer, sha: str, revision: str) -> None:
    other = hub.datasets[NAME].commit({"x.parquet": b"x"}, revision)
    written = revision if revision.startswith("refs") else revision.replace("/", "%2F")
    found = Inputs.find(f"{URL}@{written}", options(hub))
    assert found.files == (f"{URL}@{other}/x.parquet",)
    assert Inputs.find(f"{URL}@{sha}/data", options(hub)).files == urls(sha, DATA)


def test_a_long_list_is_read_page_by_page_and_nothing_else_is_listed(hub: HubServer) -> None:
    names = [f"data/{number:04}.parquet" for number in range(95)]
    hub.dataset(NAME).commit({**dict.fromkeys(names, b"x"), "other/z.parquet": b"x"})
    hub.page = 10
    found = Inputs.find(f"{URL}/data", options(hub))
    assert [parse(name).path for name in found.files] == names
    asked = [one.path.rsplit("/", 3)[1:] for one in hub.asked]
    assert len(asked) == 2 + 10, "commit, kind of path, ten pages"
    hub.forget()
    assert len(Inputs.find(f"{URL}/data/00*.parquet", options(hub)).files) == 95
    assert len(hub.asked) == 2 + 10


def test_a_dataset_that_was_renamed_is_followed(hub: HubServer, sha: str) -> None:
    hub.moved["TIGER/Old"] = NAME
    found = Inputs.find("hf://datasets/TIGER/Old/data/train-0.parquet", options(hub))
    assert found.files == (f"hf://datasets/TIGER/Old@{sha}/data/train-0.parquet",)
    assert found.open(found.files[0]).read() == FILES["data/train-0.parquet"]


def test_a_run_goes_on_with_the_commit_that_it_was_planned_over(hub: HubServer, sha: str) -> None:
    first = Inputs.find(f"{URL}/data", options(hub))
    newer = hub.datasets[NAME].commit({"data/train-9.parquet": b"x" * 200})
    again = Inputs.find(f"{URL}/data", options(hub), planned=first.files)
    assert again.files == first.files
    assert again.note == (
        f"{URL}@main/data is at {newer[:12]} now; the run goes on with {sha[:12]}, which it was planned over."
    )
    assert again.open(again.files[1]).read() == FILES["data/train-0.parquet"]
    assert Inputs.find(f"{URL}/data", options(hub)).files == urls(newer, ["data/train-9.parquet"])
    named = Inputs.find(f"{URL}@{newer}/data", options(hub), planned=first.files)
    assert named.files == urls(newer, ["data/train-9.parquet"]), "whoever names a commit gets it"
    assert Inputs.find(f"{URL}/data", options(hub), planned=["hf://datasets/a/b@main/x"]).note == ""


def test_a_run_goes_on_where_its_branch_is_gone(hub: HubServer, sha: str) -> None:
    first = Inputs.find(f"{URL}/data", options(hub))
    del hub.datasets[NAME].branches["main"]
    again = Inputs.find(f"{URL}/data", options(hub), planned=first.files)
    assert again.files == first.files
    assert "cannot be learnt (the dataset has no such revision" in again.note
    assert sha[:12] in again.note


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "hf://datasets/no/body",
            "there is no such dataset on the Hub, or it is private and no HF_TOK",
        ),
        (f"{URL}@v9/data", "the dataset has no such revision"),
        (f"{URL}@{'0' * 40}/data", "the dataset has no such revision"),
        (f"{URL}/dada", "the dataset has no file or folder at this path"),
        (f"{URL}/dada/*.parquet", "the dataset has no file or folder at this path"),
        (f"{URL}/data/*.tar", "No parquet file is found"),
    ],
)
def test_what_is_not_there_is_told_apart(hub: HubServer, sha: str, url: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)) as caught:
        Inputs.find(url, options(hub))
    assert url in str(caught.value)


def read(hub: HubServer, token: str = "") -> bytes:
    inputs = Inputs.find(f"{URL}/data/train-0.parquet", options(hub, token)).hasty()
    return inputs.open(inputs.files[0]).read()


def test_private_looks_like_missing_and_so_both_are_said(hub: HubServer) -> None:
    hub.tokens |= {TOKEN, "hf_other"}
    hub.dataset(NAME, private=True, readers={TOKEN}).commit(FILES)
    with pytest.raises(ConfigError, match="or it is private and no HF_TOKEN is set"):
        read(hub)
    with pytest.raises(ConfigError, match="or it is private and the account of HF_TOKEN may not"):
        read(hub, "hf_other")
    assert read(hub, TOKEN) == FILES["data/train-0.parquet"]


def test_a_gated_dataset_says_what_to_do(hub: HubServer) -> None:
    hub.tokens |= {TOKEN, "hf_other"}
    hub.dataset(NAME, gated=True, readers={TOKEN}).commit(FILES)
    with pytest.raises(StorageError, match=r"is gated: accept its terms .* and set HF_TOKEN to"):
        read(hub)
    with pytest.raises(StorageError, match="is gated, and the account of HF_TOKEN has no access"):
        read(hub, "hf_other")
    assert read(hub, TOKEN) == FILES["data/train-0.parquet"]


def test_a_wrong_token_is_told_and_shown_nowhere(hub: HubServer, sha: str, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(ConfigError, match="does not know the token") as caught:
        read(hub, TOKEN)
    assert TOKEN not in str(caught.value) + repr(caught.value.__context__) + caplog.text
    assert TOKEN not in repr(Inputs(options=options(hub, TOKEN)))
    with pytest.raises(ConfigError, match="holds characters that no token has") as caught:
        read(hub, "hf_planted\n51c0de")
    assert "51c0de" not in str(caught.value)


def test_the_token_goes_to_the_hub_alone(hub: HubServer, sha: str) -> None:
    hub.tokens.add(TOKEN)
    read(hub, TOKEN)
    by = {
        server: {one.token for one in hub.asked if one.server == server}
        for server in ("hub", "cdn")
    }
    assert by == {"hub": {TOKEN}, "cdn": {""}}


def test_another_server_in_a_list_does_not_get_the_token(hub: HubServer, sha: str) -> None:
    hub.tokens.add(TOKEN)
    hub.api_troubles.append(Refused(307, {"Location": f"{hub.cdn}/stolen"}))
    with pytest.raises(ConfigError, match="sends to another server"):
        read(hub, TOKEN)
    assert not [one for one in hub.asked if one.server == "cdn"]


@pytest.mark.parametrize(
    ("status", "headers", "sentence"),
    [
        (403, {}, "the token in HF_TOKEN lacks the permission"),
        (403, {"X-Error-Message": "Access to this resource is disabled."}, "has disabled"),
        (418, {}, "the Hub answers 418"),
        (
            307,
            {"Location": "/api/datasets/TIGER-Lab/OmniEdit/revision/main"},
            "from one URL to the",
        ),
    ],
)
def test_other_refusals_are_one_sentence(
    hub: HubServer, sha: str, status: int, headers: dict[str, str], sentence: str
) -> None:
    hub.api_troubles.extend([Refused(status, headers)] * 5)
    with pytest.raises(ConfigError, match=sentence):
        read(hub)


def test_no_network_is_told_in_one_try_more() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(
            ConfigError, match=r"no whole answer comes from 127\.0\.0\.1:.*2 times"
        ) as caught:
            Inputs.find(URL, {"hub": {"endpoint": dead}})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("bodies", "sentence"),
    [
        ([b"<html>Hello</html>"], "gives no JSON"),
        ([b"[" * 100_000], "gives no JSON"),
        ([b"{}"], "names no commit"),
        ([b'{"sha": "main"}'], "names no commit"),
        ([b"[]"], "names no commit"),
        ([b'{"sha": "%s"}' % (b"0" * 40), b"{}"], "gives no list of files"),
        ([b'{"sha": "%s"}' % (b"0" * 40), b"[1]"], "gives no list of files"),
    ],
)
def test_a_web_server_that_is_no_hub_is_told(
    hub: HubServer, sha: str, bodies: list[bytes], sentence: str
) -> None:
    hub.api_troubles.extend(Refused(200, body=body) for body in bodies)
    with pytest.raises(ConfigError, match=f"{sentence}.*: is it a Hub"):
        Inputs.find(f"{URL}/data", options(hub))


def test_a_list_without_end_is_given_up(hub: HubServer, sha: str) -> None:
    again = {"Link": f'<{hub.url}/api/datasets/{NAME}/tree/{sha}>; rel="next"'}
    first = Refused(200, body=b'{"sha": "%s"}' % sha.encode())
    hub.api_troubles.extend([first, Refused(200, again, b"[]")])
    with pytest.raises(ConfigError, match="does not end after 0 entries"):
        Inputs.find(URL, options(hub))


def test_paths_that_lead_elsewhere_are_passed_over(hub: HubServer, sha: str) -> None:
    entries = [
        {"type": "file", "path": path, "size": 5}
        for path in ("../a.parquet", "a/../b.parquet", "a\n.parquet", "", 7, "good.parquet")
    ]
    entries += [{"type": "file", "path": "none.parquet", "size": None}, {}]
    first = Refused(200, body=b'{"sha": "%s"}' % sha.encode())
    hub.api_troubles.extend([first, Refused(200, body=json.dumps(entries).encode())])
    assert Inputs.find(URL, options(hub)).files == (f"{URL}@{sha}/good.parquet",)


@pytest.mark.parametrize(
    "url",
    [
        "hf://TIGER-Lab/OmniEdit/data",
        "hf://datasets/OmniEdit",
        "hf://datasets/../OmniEdit/data",
        "hf://datasets/a/b/../../secret",
        "hf://datasets/a/b@../data",
        "hf://datasets/a/b/data\nx",
        "hf://buckets/a/b/c",
    ],
)
def test_a_url_of_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="is no dataset on the Hub: give hf://datasets/<owner>"):
        Inputs.find(url)


@pytest.mark.parametrize("endpoint", ["http://me:secret@hub", "ftp://hub", "hub", "http://[hub"])
def test_an_endpoint_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Inputs.find(URL, {"hub": {"endpoint": endpoint}})
    assert "secret" not in str(caught.value)


def test_only_what_is_given_is_an_option() -> None:
    assert hub_option("", "") == {}
    assert hub_option("", TOKEN) == {"hub": {"token": TOKEN}}
    both = hub_option("http://hub", TOKEN)
    assert both == {"hub": {"endpoint": "http://hub", "token": TOKEN}}


def test_other_places_are_found_beside_the_hub_and_know_nothing_of_it(
    hub: HubServer, sha: str, tmp_path: Path
) -> None:
    (tmp_path / "a.parquet").write_bytes(b"x")
    beside = f"file://{tmp_path}/a.parquet"
    found = Inputs.find([f"{URL}/data/*.parquet", beside], options(hub))
    assert found.files == (beside, *urls(sha, DATA[1:]))
    assert found.open(beside).read() == b"x"
