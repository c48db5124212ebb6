import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import openai
import pytest

from editcorpus.sandbox import Fault, SandboxConfig, running
from editcorpus.sandbox.journal import Entry, Journal


def entry(key="k", attempt=1, **given):
    given = {"billed": True, "usd": "0.05"} | given
    return Entry(
        request_id=f"req_{key}_{attempt}",
        key=key,
        attempt=attempt,
        persona="openai",
        endpoint="/v1/images/edits",
        model="gpt-image-2",
        status=200,
        fault="",
        usage={},
        note="",
        **given,
    )


def test_entries_and_attempts_outlive_the_server(tmp_path):
    path = tmp_path / "new" / "journal.jsonl"
    first = Journal(path)
    assert (first.attempt("k"), first.attempt("k"), first.attempt("other")) == (1, 2, 1)
    for number in (1, 2):
        first.write(entry(attempt=number))
    second = Journal(path)  # the first one is not closed: a killed server does not
    assert second.entries == first.entries
    assert second.billed_usd == Decimal("0.10")
    assert second.attempt("k") == 3
    first.close()
    second.close()


@pytest.mark.parametrize("rest", [b'{"request_id": "req', b"{}\n", b"[1]\n", b"\xff\n"])
def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path, rest):
    path = tmp_path / "journal.jsonl"
    whole = Journal(path)
    whole.write(entry())
    whole.close()
    path.write_bytes(path.read_bytes() + rest)
    again = Journal(path)
    again.write(entry(attempt=2))
    again.close()
    assert [json.loads(line)["attempt"] for line in path.read_text().splitlines()] == [1, 2]


def test_a_reset_empties_file_and_memory(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.attempt("k")
    journal.write(entry())
    journal.reset()
    assert (journal.entries, journal.billed_usd, journal.attempt("k")) == ([], 0, 1)
    assert (tmp_path / "journal.jsonl").read_bytes() == b""
    journal.close()


def asked(client, number, prompt="A house"):
    try:
        answer = client.images.with_raw_response.generate(
            model="gpt-image-2", quality="low", prompt=f"{prompt} {number}"
        )
    except openai.InternalServerError as error:
        return error.request_id, error.status_code
    return answer.request_id, answer.status_code


def test_killing_the_server_loses_no_answered_call_and_changes_no_fault(tmp_path, connect):
    config = SandboxConfig(seed=5, time_scale=1e-5, faults={"server_error": 0.5}, canned=True)
    with running(config) as server, connect(server.url) as client:
        undisturbed = [asked(client, number % 6) for number in range(18)]
    lasting = config.changed({"journal_path": tmp_path / "journal.jsonl"})
    with running(lasting) as server, connect(server.url) as client:
        before = [asked(client, number % 6) for number in range(9)]
        server.process.kill()
        server.process.wait()
    with running(lasting) as server, connect(server.url) as client:
        after = [asked(client, number % 6) for number in range(9, 18)]
        journal = server.admin("journal")["calls"]
    assert before + after == undisturbed
    assert {status for _, status in undisturbed} == {200, 500}
    assert [call["request_id"] for call in journal] == [name for name, _ in undisturbed]


def test_the_summary_adds_up_and_reset_forgets(canned, connect):
    with connect(canned.url) as client:
        for number in range(3):
            asked(client, number)
        asked(client, 9, "[[emulate server_error]]")
    summary = canned.admin("summary")
    assert (summary["calls"], summary["billed"], summary["in_flight"]) == (4, 3, 0)
    billed = canned.admin("journal?billed=true")["calls"]
    assert Decimal(summary["usd"]) == sum(Decimal(call["usd"]) for call in billed)
    assert summary["faults"] == {"server_error": 1}
    assert canned.admin("reset", {})["calls"] == 0


def test_quota_runs_out_after_the_dollars_configured(canned, connect):
    canned.admin("config", {"quota_after_usd": "0.01"})
    with connect(canned.url) as client:
        assert [asked(client, number)[1] for number in range(2)] == [200, 200]
        with pytest.raises(openai.RateLimitError) as caught:
            asked(client, 3)
        assert caught.value.code == "insufficient_quota"
        assert canned.admin("journal")["calls"][-1]["attempt"] == 0


def test_rates_and_keys_can_be_changed_while_it_runs(canned, connect):
    with connect(canned.url) as client:
        canned.admin("config", {"faults": {"server_error": 1.0}})
        assert asked(client, 4)[1] == 500
        canned.admin("config", {"faults": {}, "keys_revoked": True})
        with pytest.raises(openai.AuthenticationError):
            asked(client, 5)


def test_faults_are_named_by_a_closed_list():
    with pytest.raises(ValueError, match="nonsense"):
        SandboxConfig(faults={"nonsense": 0.5})
    assert SandboxConfig(faults={"reset": 0.5}).faults == {Fault.RESET: 0.5}


def test_a_call_that_began_before_a_reset_is_not_written(canned, connect):
    canned.admin("config", {"latency_s": 4})
    words = {"model": "Qwen/Qwen2.5-VL-7B-Instruct", "messages": [{"role": "user", "content": "?"}]}
    with connect(canned.vllm_url) as client, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.chat.completions.create, max_completion_tokens=1, **words)
        while not canned.admin("summary")["in_flight"]:
            time.sleep(0.01)
        canned.admin("reset", {})
        assert answer.result().choices
    assert canned.admin("journal")["calls"] == []
    canned.admin("config", {"latency_s": 0})
