import time

import openai
import pytest
from openai.types import ImagesResponse


def uploaded(client, data, name="source.png", purpose="vision", **given):
    return client.files.create(file=(name, data), purpose=purpose, **given)


def refused(ask, **given):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(**given)
    return caught.value


def test_a_file_is_kept_shown_listed_and_deleted(client, small):
    file = uploaded(client, small)
    assert file.id.startswith("file-")
    assert (file.bytes, file.purpose, file.filename) == (len(small), "vision", "source.png")
    assert (file.status, file.expires_at) == ("processed", None)
    assert client.files.retrieve(file.id) == file
    assert file.id in {one.id for one in client.files.list(purpose="vision")}
    assert file.id not in {one.id for one in client.files.list(purpose="batch")}
    assert client.files.delete(file.id).deleted
    for gone in (client.files.retrieve, client.files.delete, client.files.content):
        error = refused(gone, file_id=file.id)
        assert (error.status_code, error.body["message"]) == (
            404,
            f"No such File object: {file.id}",
        )


def test_equal_uploads_are_two_files(client, small):
    assert uploaded(client, small).id != uploaded(client, small).id


def test_the_list_is_paged_newest_first(canned, connect, small):
    canned.admin("config", {"time_scale": 0.01})
    with connect(canned.url) as client:
        names = [uploaded(client, small, f"{number}.png").id for number in range(5)]
        first = client.files.list(limit=2)
        assert ([one.id for one in first.data], first.has_more) == (names[:-3:-1], True)
        assert [one.id for one in first] == names[::-1]
        assert [one.id for one in client.files.list(order="asc", limit=3)] == names
        assert refused(client.files.list, after="file-x").status_code == 400
        assert refused(client.files.list, limit=0).param == "limit"


def test_only_files_of_batches_are_given_back(client, small, jsonl):
    name, data = jsonl({"a": {}})
    batch = uploaded(client, data, name, "batch")
    assert client.files.content(batch.id).read() == data
    error = refused(client.files.content, file_id=uploaded(client, small).id)
    assert error.body["message"] == "Not allowed to download files of purpose: vision"


def test_a_file_lives_as_long_as_it_is_told_to(client, small, jsonl):
    file = uploaded(client, small, expires_after={"anchor": "created_at", "seconds": 3600})
    assert file.expires_at == file.created_at + 3600
    batch = uploaded(client, jsonl({"a": {}})[1], "a.jsonl", "batch")
    assert batch.expires_at == batch.created_at + 30 * 86_400


def test_a_file_that_has_expired_is_not_found(canned, connect, small):
    canned.admin("config", {"time_scale": 1e-6, "batches": {"keep_s": 0}})
    with connect(canned.url) as client:
        file = uploaded(client, small, expires_after={"anchor": "created_at", "seconds": 3600})
        lasting = uploaded(client, small)
        while file.id in {one.id for one in client.files.list()}:
            time.sleep(0.005)
        assert refused(client.files.retrieve, file_id=file.id).status_code == 404
        assert client.files.retrieve(lasting.id).id == lasting.id


@pytest.mark.parametrize(
    ("name", "purpose", "status", "text"),
    [
        ("a.png", "fine-tune", 400, "Supported values are: 'batch', 'user_data', and 'vision'."),
        ("a.txt", "batch", 400, "Must be .jsonl"),
        ("a.txt", "vision", 400, "Invalid extension .txt."),
    ],
)
def test_a_wrong_upload_is_refused(client, small, name, purpose, status, text):
    error = refused(uploaded, client=client, data=small, name=name, purpose=purpose)
    assert (error.status_code, text in error.body["message"]) == (status, True)


def test_an_empty_or_endless_file_is_refused(client, small):
    assert "empty" in refused(uploaded, client=client, data=b"").body["message"]
    for seconds in (60, 10**8, -1):
        policy = {"anchor": "created_at", "seconds": seconds}
        error = refused(uploaded, client=client, data=small, expires_after=policy)
        assert error.param == "expires_after.seconds"


@pytest.mark.parametrize("name", ["../../evil.png", "a/b\\c.png", "x" * 400 + ".png"])
def test_the_name_of_a_file_leads_nowhere(client, small, name):
    file = uploaded(client, small, name)
    assert file.filename == name[:255]
    assert client.files.retrieve(file.id).bytes == len(small)
    assert refused(client.files.retrieve, file_id="../journal").status_code == 404


@pytest.mark.parametrize("purpose", ["vision", "user_data"])
def test_an_edit_of_an_uploaded_file_is_that_of_the_same_form(client, edit, small, purpose):
    file = uploaded(client, small, purpose=purpose)
    body = {"model": "gpt-image-2", "prompt": "Add a dog", "images": [{"file_id": file.id}]}
    body |= {"size": "1024x1024", "quality": "low"}
    answer = client.post("/images/edits", cast_to=ImagesResponse, body=body)
    assert answer.data[0].b64_json == edit("Add a dog").parse().data[0].b64_json


def test_a_mask_can_be_an_uploaded_file_too(client, small):
    file = uploaded(client, small)
    body = {"model": "gpt-image-2", "prompt": "Add", "images": [{"file_id": file.id}]}
    body |= {"mask": {"file_id": file.id}, "quality": "low"}
    with pytest.raises(openai.BadRequestError, match="missing alpha channel"):
        client.post("/images/edits", cast_to=ImagesResponse, body=body)


def test_an_edit_of_a_file_that_is_gone_or_no_picture_is_refused(client, jsonl):
    text = uploaded(client, jsonl({"a": {}})[1], "a.jsonl", "batch")
    for name, error in (("file-none", openai.NotFoundError), (text.id, openai.BadRequestError)):
        body = {"model": "gpt-image-2", "prompt": "Add", "images": [{"file_id": name}]}
        with pytest.raises(error):
            client.post("/images/edits", cast_to=ImagesResponse, body=body)


def test_files_need_a_key_and_are_not_journaled(server, connect, small, calls):
    before = len(calls())
    with connect(server.url, "sk-wrong") as client, pytest.raises(openai.AuthenticationError):
        client.files.list()
    with connect(server.url) as client:
        uploaded(client, small)
    assert len(calls()) == before


def test_faults_strike_what_is_free_too_and_an_upload_may_be_done_nonetheless(client, small):
    def lost(fault):
        return uploaded(client, small, "lost.png", extra_headers={"x-emulate": fault})

    def kept():
        return sum(one.filename == "lost.png" for one in client.files.list())

    for fault, done in (("reset_early", 0), ("server_error", 0), ("reset", 1)):
        before = kept()
        with pytest.raises((openai.APIConnectionError, openai.InternalServerError)):
            lost(fault)
        assert kept() - before == done
    assert lost("reset:1").id


def test_a_share_of_free_calls_fails_as_well(canned, connect):
    canned.admin("config", {"time_scale": 0.01, "faults": {"server_error": 0.5}})
    found = []
    with connect(canned.url) as client:
        for _ in range(20):
            try:
                found.append(client.files.list().data)
            except openai.InternalServerError as error:
                assert error.code == "server_error"
    assert 4 <= len(found) <= 16
    assert canned.admin("summary")["calls"] == 0


def test_a_download_can_be_cut(client, jsonl):
    file = uploaded(client, jsonl({"a": {"prompt": "x" * 5000}})[1], "a.jsonl", "batch")
    with pytest.raises(openai.APIConnectionError):
        client.files.content(file.id, extra_headers={"x-emulate": "cut_body"})
    assert client.files.content(file.id, extra_headers={"x-emulate": "empty_body"}).read() == b""
