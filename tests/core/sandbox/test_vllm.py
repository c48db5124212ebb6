from urllib.error import HTTPError
from urllib.request import urlopen

import openai
import pytest
from openai import OpenAI

from editcorpus.endpoints.classify import classify
from editcorpus.records import Reason
from editcorpus.sandbox import SandboxConfig, running
from editcorpus.sandbox.tokens import token_ids, token_text

QWEN = "Qwen/Qwen2.5-VL-7B-Instruct"


def root(server):
    return server.vllm_url.removesuffix("/v1")


def test_the_model_list_names_its_owner_and_context(vllm):
    (model,) = vllm.models.list().data
    assert (model.id, model.owned_by, model.max_model_len) == (QWEN, "vllm", 8192)


def test_health_is_empty_and_good_until_the_model_is_unloaded(server):
    with urlopen(f"{root(server)}/health") as answer:
        assert answer.read() == b""
    server.admin("config", {"vllm_ready": False})
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{root(server)}/health")
    server.admin("config", {"vllm_ready": True})
    assert caught.value.code == 503
    caught.value.close()


def test_version_and_metrics_answer(server):
    with urlopen(f"{root(server)}/version") as answer:
        assert b"0.33.0" in answer.read()
    with urlopen(f"{root(server)}/metrics") as answer:
        assert b"vllm:num_requests_running{" in answer.read()


@pytest.mark.parametrize(
    ("text", "ids"),
    [("Yes", [9454]), ("No", [2753]), ("yes", [9693]), ("no", [2152]), (" Yes", [7414]),
     (" No", [2308]), ("7", [22]), (" ", [220]), ("\n", [198])],
)  # fmt: skip
def test_the_tokenizer_gives_the_published_ids(vllm, server, text, ids):
    body = {"model": QWEN, "prompt": text, "add_special_tokens": False}
    with OpenAI(base_url=root(server), api_key="none", max_retries=0) as client:
        found = client.post("/tokenize", cast_to=object, body=body)
    assert (found["tokens"], found["count"], found["max_model_len"]) == (ids, 1, 8192)


def test_every_byte_has_a_token_of_its_own():
    ids = [token_ids(chr(number))[0] for number in range(128)]
    assert len(set(ids)) == 128
    assert all(token_text(token) == chr(number) for number, token in enumerate(ids))


def test_another_model_does_not_exist_and_the_code_is_a_number(vllm):
    with pytest.raises(openai.NotFoundError) as caught:
        vllm.chat.completions.create(model="x", messages=[{"role": "user", "content": "Hello"}])
    assert caught.value.body["code"] == 404
    assert caught.value.body["message"] == "The model `x` does not exist."
    assert caught.value.type == "NotFoundError"


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [("rate_limit", 503, "ServiceUnavailableError"), ("server_error", 500, "InternalServerError")],
)
def test_faults_have_the_manners_of_vllm(vllm, name, status, kind):
    messages = [{"role": "user", "content": f"Hello [[emulate {name}]]"}]
    with pytest.raises(openai.InternalServerError) as caught:
        vllm.chat.completions.create(model=QWEN, messages=messages)
    assert (caught.value.status_code, caught.value.type) == (status, kind)
    assert caught.value.body["code"] == status


def test_a_request_that_is_too_large_is_refused_for_good(vllm):
    messages = [{"role": "user", "content": "Hello [[emulate too_large]]"}]
    with pytest.raises(openai.APIStatusError) as caught:
        vllm.chat.completions.create(model=QWEN, messages=messages)
    assert (caught.value.status_code, caught.value.body["code"]) == (413, 413)
    verdict = classify(caught.value)
    assert (verdict.action, verdict.max_retries) == ("drop", 0)
    assert verdict.reason is Reason.REQUEST_REFUSED


def test_calls_to_vllm_are_journaled_and_free(vllm, calls):
    vllm.chat.completions.create(model=QWEN, messages=[{"role": "user", "content": "Hi there"}])
    call = calls(persona="vllm")[-1]
    assert (call["usd"], call["status"], call["billed"]) == ("0", 200, True)


def test_with_a_key_set_others_are_unauthorized():
    with running(SandboxConfig(vllm_api_keys=("right",), vllm_concurrent=1)) as server:
        with OpenAI(base_url=server.vllm_url, api_key="wrong", max_retries=0) as client:
            with pytest.raises(openai.AuthenticationError) as caught:
                client.models.list()
            assert caught.value.body == "Unauthorized"
        with OpenAI(base_url=server.vllm_url, api_key="right", max_retries=0) as client:
            assert client.models.list().data
        with urlopen(f"{root(server)}/health") as answer:
            assert answer.status == 200
