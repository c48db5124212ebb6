"""Flow runs whose parameters are no good: they end at once, as Failed, in one sentence."""

from collections.abc import Iterable
from inspect import Parameter, Signature, signature
from typing import Any
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ParameterTypeError
from prefect.states import Failed

NAME = "Could not start"


def refusal(name: str, run: str, told: str) -> Flow[..., Any]:
    """What is done in a flow's place: nothing but to say why.

    Args:
        name: Of the flow's module.
        run: Id of the flow run, whose parameters are taken, whatever they are.
        told: Why, in a sentence.
    """
    return _refusing(name, _parameters(run), told)


def heard(flow: Flow[..., Any], run: str) -> Flow[..., Any]:
    """The flow, if it takes the parameters of its flow run; else one that says which it does not."""
    sent = _parameters(run)
    told = problem(flow, sent)
    return _refusing(flow.name, sent, told) if told else flow


def problem(flow: Flow[..., Any], sent: dict[str, Any]) -> str:
    """What is wrong with parameters, in one sentence; empty where nothing is."""
    known = [*signature(flow.fn).parameters]
    if unknown := sorted(sent.keys() - {*known}):
        return f"{flow.name} has no parameter {', '.join(unknown)}: it has {', '.join(known)}."
    try:
        flow.validate_parameters(sent)
    except ParameterTypeError as error:
        return _first(str(error))
    return ""


def _first(told: str) -> str:
    """The first of several lines that Prefect makes of an error, as a sentence."""
    lines = [line.strip().removeprefix("- ") for line in told.splitlines() if line.strip()]
    said = lines[1] if len(lines) > 1 else lines[0]
    field, _, why = said.partition(": ")
    more = f" There are {len(lines) - 2} more like it." if len(lines) > 2 else ""
    own = why[:1].isupper() and why.endswith(".")  # a sentence of ours; of pydantic's none ends so
    return f"{why if own else f'{field}: {why}.'}{more}"


def _parameters(run: str) -> dict[str, Any]:
    with get_client(sync_client=True) as client:
        return dict(client.read_flow_run(UUID(run)).parameters)


def _refusing(name: str, sent: Iterable[str], told: str) -> Flow[..., Any]:
    def refused(**_: Any) -> State[Any]:
        return Failed(name=NAME, message=told)

    taken = [Parameter(one, Parameter.KEYWORD_ONLY, default=None) for one in sent]
    refused.__signature__ = Signature(taken)  # type: ignore[attr-defined]
    return Flow(refused, name=name.replace("_", "-"), validate_parameters=False)
