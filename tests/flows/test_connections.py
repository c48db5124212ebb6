"""Which server each step asks, by the environment alone."""

from pydantic import SecretStr

from flows.connections import ROLES, from_environment, priced_connections

DEAD = "http://127.0.0.1:9"
PLAIN = {"OPENAI_API_KEY": "sk-a", "QWEN_VL_BASE_URL": f"{DEAD}/vllm/v1", "QWEN_VL_API_KEY": "q"}


def test_every_asking_step_has_an_endpoint_and_the_judge_makes_vectors_where_nobody_else_does():
    connections = from_environment(PLAIN, "store", {"in_flight": 3})
    endpoints = connections.endpoints()
    assert endpoints.keys() == ROLES.keys()
    assert endpoints["embed"] is endpoints["align"], "one lane, one limit"
    assert connections.embedder == {}
    assert priced_connections(PLAIN, "store", {}).endpoints()["embed"].tariff == "free"


def test_a_server_of_vectors_has_its_own_address_and_key():
    own = {"EMBEDDINGS_BASE_URL": f"{DEAD}/pooling/v1", "EMBEDDINGS_API_KEY": "e"}
    endpoints = from_environment({**PLAIN, **own}, "store", {"in_flight": 3}).endpoints()
    found = endpoints["embed"]
    assert (found.name, found.base_url) == ("embedder", own["EMBEDDINGS_BASE_URL"])
    assert (found.api_key, found.provider, found.tariff) == (SecretStr("e"), "vllm", "free")
    assert found.limits.in_flight == 3
    assert endpoints["align"].name == "judge"
