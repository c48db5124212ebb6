import base64
from decimal import Decimal

import openai
import pytest

from editcorpus.sandbox import SandboxConfig, running

GENERATION = {"model": "gpt-image-2", "quality": "low", "size": "1024x1024"}


def bodies(count, **given):
    return {
        f"n{number}": {**GENERATION, "prompt": f"Dog {number}", **given} for number in range(count)
    }


@pytest.fixture(scope="module")
def finished(server, client, small, jsonl, ended):
    """An edit, sound twice and blocked once, after its batch has ended."""
    source = client.files.create(file=("s.png", small), purpose="vision").id
    body = {**GENERATION, "images": [{"file_id": source}]}
    asked = {name: {**body, "prompt": name} for name in ("Add a goat", "Add a cow")}
    asked["Blocked"] = {**body, "prompt": "Add [[emulate moderation_input]]"}
    asked["Wrong"] = {**body, "prompt": "Add", "size": "512x512"}
    url = "/v1/images/edits"
    return ended(client, jsonl(asked, url), url, metadata={"run": "r"})


def test_a_batch_comes_to_its_end(finished):
    counts = finished.request_counts
    assert (finished.status, finished.model) == ("completed", "gpt-image-2")
    assert (counts.total, counts.completed, counts.failed) == (4, 2, 2)
    assert finished.metadata == {"run": "r"}
    assert finished.expires_at == finished.created_at + 86_400
    assert finished.in_progress_at == finished.created_at + 60
    assert finished.finalizing_at == finished.in_progress_at + 4
    assert finished.completed_at == finished.finalizing_at + 30
    assert finished.usage.total_tokens == finished.usage.input_tokens + 2 * 196


def test_a_batch_answers_as_the_api_does_online(finished, client, edit, lines):
    answers = {one["custom_id"]: one for one in lines(client, finished.output_file_id)}
    assert answers.keys() == {"Add a goat", "Add a cow"}
    for prompt, one in answers.items():
        online = edit(prompt).parse()
        body = one["response"]["body"]
        assert one["response"]["status_code"] == 200 and one["error"] is None
        assert body["data"][0]["b64_json"] == online.data[0].b64_json
        assert body["usage"] == online.usage.to_dict()


def test_what_went_wrong_is_in_the_error_file(finished, client, lines):
    found = {one["custom_id"]: one["response"] for one in lines(client, finished.error_file_id)}
    assert found["Blocked"]["body"]["error"]["code"] == "moderation_blocked"
    assert found["Wrong"]["body"]["error"]["param"] == "size"
    assert {one["status_code"] for one in found.values()} == {400}


def test_every_line_is_journaled_and_billed_at_half_the_price(finished, edit, calls):
    batched = {one["custom_id"]: one for one in calls(batch_id=finished.id)}
    assert {name: one["billed"] for name, one in batched.items()} == {
        "Add a goat": True, "Add a cow": True, "Blocked": False, "Wrong": False,
    }  # fmt: skip
    assert {one["tariff"] for one in batched.values()} == {"batch"}
    online = calls(request_id=edit("Add a goat").request_id)[0]
    goat = batched["Add a goat"]
    assert Decimal(goat["usd"]) * 2 == Decimal(online["usd"]) > 0
    assert (goat["key"], goat["usage"]) == (online["key"], online["usage"])
    assert (online["tariff"], online["batch_id"]) == ("standard", "")
    assert goat["endpoint"] == "/v1/images/edits"


def test_the_files_of_a_batch_can_be_deleted(client, jsonl, ended):
    batch = ended(client, jsonl(bodies(1)))
    output = client.files.retrieve(batch.output_file_id)
    assert output.purpose == "batch_output"
    assert output.expires_at == output.created_at + 30 * 86_400
    assert client.files.delete(output.id).deleted


def test_the_output_is_in_another_order_than_the_input(canned, connect, jsonl, lines, ended):
    canned.admin("config", {"time_scale": 1e-6})
    with connect(canned.url) as client:
        batch = ended(client, jsonl(bodies(30)))
        names = [one["custom_id"] for one in lines(client, batch.output_file_id)]
    assert sorted(names) == sorted(bodies(30))
    assert names != list(bodies(30))


def test_chat_goes_in_batches_with_log_probabilities(client, canvas, data_url, jsonl, lines, ended):
    picture = {"type": "image_url", "image_url": {"url": data_url(canvas.resize((96, 64)))}}
    text = {"type": "text", "text": "Has the edit been carried out? Answer Yes or No."}
    body = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": [picture, picture, text]}],
        "logprobs": True,
        "top_logprobs": 5,
        "max_completion_tokens": 1,
    }
    url = "/v1/chat/completions"
    batch = ended(client, jsonl({"q": body}, url), url)
    (line,) = lines(client, batch.output_file_id)
    online = client.chat.completions.create(**body)
    assert line["response"]["body"] == online.to_dict()
    assert batch.usage.output_tokens == 1


def test_a_batch_may_have_nothing_but_errors(client, jsonl, lines, ended):
    asked = bodies(2, size="512x512")
    batch = ended(client, jsonl(asked))
    assert (batch.status, batch.output_file_id) == ("completed", None)
    assert len(lines(client, batch.error_file_id)) == 2


def test_damaged_answers_come_in_batches_too(client, jsonl, lines, calls, ended):
    marked = bodies(1, prompt="Dog [[emulate empty_data]]")
    batch = ended(client, jsonl(marked))
    (line,) = lines(client, batch.output_file_id)
    assert line["response"]["body"]["data"] == []
    assert calls(batch_id=batch.id)[0]["billed"]


def test_a_fault_of_a_connection_never_strikes_a_line(client, jsonl, ended):
    marked = bodies(1, prompt="Dog [[emulate reset]]")
    batch = ended(client, jsonl(marked))
    assert batch.request_counts.completed == 1


def test_an_expired_batch_gives_and_bills_what_was_done(client, jsonl, lines, calls, ended):
    why = {"why": "[[emulate batch_expired]]"}
    batch = ended(client, jsonl(bodies(5)), metadata=why)
    assert (batch.status, batch.expired_at) == ("expired", batch.finalizing_at + 30)
    assert batch.finalizing_at == batch.expires_at
    assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 3)
    done = {one["custom_id"] for one in lines(client, batch.output_file_id)}
    late = lines(client, batch.error_file_id)
    assert done | {one["custom_id"] for one in late} == set(bodies(5))
    assert {(one["response"], one["error"]["code"]) for one in late} == {(None, "batch_expired")}
    billed = {one["custom_id"] for one in calls(batch_id=batch.id) if one["billed"]}
    assert billed == done


def test_a_slow_batch_expires_when_its_window_closes(canned, connect, jsonl, ended):
    canned.admin("config", {"time_scale": 1e-6, "batches": {"lines_per_minute": 3 / 1440}})
    with connect(canned.url) as client:
        batch = ended(client, jsonl(bodies(4)))
    assert (batch.status, batch.request_counts.completed) == ("expired", 2)


def test_a_cancelled_batch_keeps_what_was_done(canned, connect, jsonl, submit, until, lines):
    canned.admin("config", {"time_scale": 1e-3, "batches": {"lines_per_minute": 0.1}})
    with connect(canned.url) as client:
        batch = submit(client, jsonl(bodies(50)))
        while not batch.request_counts.completed:
            batch = client.batches.retrieve(batch.id)
        assert client.batches.cancel(batch.id).status == "cancelling"
        batch = until(client, batch)
        assert (batch.status, batch.error_file_id) == ("cancelled", None)
        assert batch.cancelled_at == batch.cancelling_at + 30
        done = lines(client, batch.output_file_id)
        assert 1 <= len(done) == batch.request_counts.completed < 50
        assert canned.admin("summary")["billed"] == len(done)
        with pytest.raises(openai.ConflictError, match="status 'cancelled'"):
            client.batches.cancel(batch.id)


def test_a_batch_cancelled_at_once_has_no_files(canned, connect, jsonl, submit, until):
    canned.admin("config", {"time_scale": 0.01})
    with connect(canned.url) as client:
        batch = until(client, client.batches.cancel(submit(client, jsonl(bodies(2))).id))
    assert (batch.status, batch.output_file_id, batch.error_file_id) == ("cancelled", None, None)


def test_the_list_is_paged_newest_first(canned, connect, jsonl, submit):
    canned.admin("config", {"time_scale": 0.01})
    with connect(canned.url) as client:
        names = [submit(client, jsonl(bodies(1))).id for _ in range(5)]
        first = client.batches.list(limit=2)
        assert ([one.id for one in first.data], first.has_more) == (names[:-3:-1], True)
        assert [one.id for one in client.batches.list(limit=2)] == names[::-1]
        assert [one.id for one in client.batches.list(after=names[1])] == names[:1]
        with pytest.raises(openai.NotFoundError):
            client.batches.retrieve("batch_none")


def test_a_batch_whose_answer_was_lost_is_found_by_its_metadata(client, jsonl, submit):
    mark = {"run": "lost", "emulate": "[[emulate reset]]"}
    with pytest.raises(openai.APIConnectionError):
        submit(client, jsonl(bodies(1)), metadata=mark)
    found = [one for one in client.batches.list() if (one.metadata or {}).get("run") == "lost"]
    assert len(found) == 1


def test_killing_the_server_loses_and_bills_no_line_twice(
    tmp_path, connect, jsonl, submit, until, lines
):
    config = SandboxConfig(
        seed=5,
        time_scale=1e-3,
        canned=True,
        journal_path=tmp_path / "journal.jsonl",
        batches={"lines_per_minute": 1.2},
    )
    with running(config) as server, connect(server.url) as client:
        batch = submit(client, jsonl(bodies(20)), metadata={"run": "r"})
        while batch.request_counts.completed < 5:
            batch = client.batches.retrieve(batch.id)
        server.process.kill()
        server.process.wait()
    with running(config) as server, connect(server.url) as client:
        assert client.batches.retrieve(batch.id).metadata == {"run": "r"}
        ended = until(client, batch)
        answers = lines(client, ended.output_file_id)
        entries = server.admin(f"journal?batch_id={batch.id}")["calls"]
    assert (ended.status, ended.request_counts.completed) == ("completed", 20)
    assert ended.completed_at == ended.created_at + 60 + 20 * 50 + 30
    names = sorted(bodies(20))
    assert sorted(one["custom_id"] for one in answers) == names
    assert sorted(one["custom_id"] for one in entries) == names
    assert {one["response"]["request_id"] for one in answers} == {
        one["request_id"] for one in entries
    }


def test_a_reset_forgets_files_and_batches(canned, connect, jsonl, submit):
    with connect(canned.url) as client:
        submit(client, jsonl(bodies(1)))
        assert (canned.admin("summary")["files"], canned.admin("summary")["batches"]) == (1, 1)
        canned.admin("reset", {})
        assert (client.files.list().data, client.batches.list().data) == ([], [])


def test_a_picture_in_the_line_itself_is_taken_too(client, small, jsonl, ended):
    url = "data:image/png;base64," + base64.b64encode(small).decode()
    body = {**GENERATION, "prompt": "Add a dog", "images": [{"image_url": url}]}
    edits = "/v1/images/edits"
    batch = ended(client, jsonl({"a": body}, edits), edits)
    assert batch.request_counts.completed == 1


def test_a_restart_goes_on_from_wherever_a_kill_struck(
    tmp_path, connect, jsonl, submit, until, lines
):
    journal = tmp_path / "journal.jsonl"
    slow = SandboxConfig(
        canned=True, time_scale=1e-3, journal_path=journal, batches={"finish_s": 10**7}
    )
    with running(slow) as server, connect(server.url) as client:
        batch = until(client, submit(client, jsonl(bodies(6))), "finalizing")
        server.process.kill()
        server.process.wait()
    (notes,) = (tmp_path / "journal.jsonl.state" / "batches").glob("*.notes")
    written = notes.read_text().splitlines(keepends=True)
    notes.write_text("".join(written[:4]) + written[4][:9])  # two lines are billed, but not noted
    page = notes.with_suffix(".json")
    page.write_text(page.read_text().replace('"finalizing"', '"in_progress"'))
    quick = slow.changed({"batches": {}})
    with running(quick) as server, connect(server.url) as client:
        ended = until(client, client.batches.retrieve(batch.id))
        answers = lines(client, ended.output_file_id)
        assert server.admin("summary")["billed"] == 6
    assert (ended.status, ended.request_counts.completed) == ("completed", 6)
    assert sorted(one["custom_id"] for one in answers) == sorted(bodies(6))
    assert not list(notes.parent.glob("*.notes"))
