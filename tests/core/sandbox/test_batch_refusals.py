import json

import openai
import pytest

GENERATION = {"model": "gpt-image-2", "quality": "low", "size": "1024x1024"}


def bodies(count, **given):
    return {
        f"n{number}": {**GENERATION, "prompt": f"Dog {number}", **given} for number in range(count)
    }


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"metadata": {"k": "x" * 513}}, "metadata"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 60}},
         "output_expires_after.seconds"),
        ({"extra_body": {"priority": 1}}, "priority"),
    ],
)  # fmt: skip
def test_a_wrong_request_is_refused_at_once(client, jsonl, given, param):
    file = client.files.create(file=jsonl(bodies(1)), purpose="batch")
    usual = {"endpoint": "/v1/images/generations", "completion_window": "24h"}
    with pytest.raises(openai.BadRequestError) as caught:
        client.batches.create(input_file_id=file.id, **(usual | given))
    assert caught.value.param == param


def test_only_a_file_for_batches_makes_one(client, small):
    file = client.files.create(file=("a.png", small), purpose="vision")
    for name, error in ((file.id, openai.BadRequestError), ("file-x", openai.NotFoundError)):
        with pytest.raises(error):
            client.batches.create(
                input_file_id=name, endpoint="/v1/images/edits", completion_window="24h"
            )


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"url": "/v1/images/edits"}, ("mismatched_url", 2, "url")),
        ({"method": "GET"}, ("invalid_method", 2, "method")),
        ({"custom_id": "n0"}, ("duplicate_custom_id", 2, "custom_id")),
        ({"custom_id": ""}, ("missing_required_parameter", 2, "custom_id")),
        ({"body": None}, ("missing_required_parameter", 2, "body")),
        ({"body": {"model": "gpt-image-1.5"}}, ("mismatched_model", 2, "body.model")),
        ({"body": {**GENERATION, "stream": True}}, ("invalid_request", 2, "body.stream")),
        ({"body": {"prompt": "x"}}, ("missing_required_parameter", 2, "body.model")),
    ],
)
def test_a_bad_line_fails_the_whole_batch(client, jsonl, calls, change, error, ended):
    name, data = jsonl(bodies(2))
    first, second = map(json.loads, data.splitlines())
    data = "\n".join(json.dumps(one) for one in (first, second | change)).encode()
    batch = ended(client, (name, data))
    assert (batch.status, batch.output_file_id) == ("failed", None)
    assert batch.failed_at == batch.created_at + 60
    found = batch.errors.data[0]
    assert (found.code, found.line, found.param) == error
    assert not calls(batch_id=batch.id)


def test_a_line_that_is_no_json_and_a_dead_model_fail_a_batch(client, jsonl, ended):
    name, data = jsonl(bodies(1))
    batch = ended(client, (name, data + b"{no json\n"))
    assert [(one.code, one.line) for one in batch.errors.data] == [("invalid_json_line", 2)]
    batch = ended(client, jsonl(bodies(1, model="gpt-image-1")))
    assert batch.errors.data[0].code == "model_not_found"
    batch = ended(client, (name, b"\n"))
    assert batch.errors.data[0].code == "empty_file"


def test_limits_of_lines_bytes_and_tokens_fail_a_batch(canned, connect, jsonl, ended):
    def failed(rules, count=3):
        canned.admin("config", {"time_scale": 1e-6, "batches": rules})
        batch = ended(client, jsonl(bodies(count)))
        return batch.status, batch.errors and batch.errors.data[0].code

    with connect(canned.url) as client:
        assert failed({"max_lines": 2}) == ("failed", "too_many_requests")
        assert failed({"max_bytes": 300}) == ("failed", "file_too_large")
        assert failed({"max_lines": 3, "enqueued_tokens": 100}) == ("completed", None)
        assert failed({"enqueued_tokens": 3}) == ("failed", "token_limit_exceeded")


def test_enqueued_tokens_are_free_again_when_a_batch_has_ended(
    canned, connect, jsonl, submit, until, ended
):
    slow = {"lines_per_minute": 0.01, "enqueued_tokens": 6}
    canned.admin("config", {"time_scale": 1e-4, "batches": slow})
    with connect(canned.url) as client:
        first = until(client, submit(client, jsonl(bodies(2))), "in_progress")
        second = ended(client, jsonl(bodies(2)))
        assert "Enqueued token limit reached for gpt-image-2" in second.errors.data[0].message
        until(client, client.batches.cancel(first.id))
        third = submit(client, jsonl(bodies(2)))
        assert until(client, third, "in_progress").errors is None


def test_a_batch_can_fail_for_no_reason_of_its_own(client, jsonl, ended):
    why = {"why": "[[emulate batch_failed]]"}
    batch = ended(client, jsonl(bodies(1)), metadata=why)
    assert (batch.status, batch.errors.data[0].code) == ("failed", "server_error")


def test_quota_that_runs_out_fails_the_lines_that_are_left(
    canned, connect, jsonl, submit, lines, ended
):
    canned.admin("config", {"time_scale": 1e-6, "quota_after_usd": "0.005"})
    with connect(canned.url) as client:
        batch = ended(client, jsonl(bodies(5)))
        late = lines(client, batch.error_file_id)
        assert batch.request_counts.completed == 2
        assert {one["response"]["body"]["error"]["code"] for one in late} == {"insufficient_quota"}
        with pytest.raises(openai.RateLimitError):
            submit(client, jsonl(bodies(1)))
