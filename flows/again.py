"""How a person has triplets of a flow run done again: from the Prefect UI, or from a shell.

Where the flow run is one of a deployment, its form can be opened with everything filled in, so that a
click on *Submit* is left; elsewhere it is a command line.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from prefect.runtime import deployment

from editcorpus.lookups.failures import Group
from flows.parameters import Recipe

ARTIFACT = "editcorpus-failures"
"""Key of the artifact that says who is not in the corpus, and what to do about it."""
_PATH = "/v2/deployments/deployment/{}/run?parameters="
"""The form of a deployment, filled in: route of the UI that Prefect 3.8 and 3.9 serve below /v2. Without
a host: the name by which a worker knows its server need not be one that a browser can reach."""


@dataclass(frozen=True, slots=True)
class Again:
    """How triplets of a flow run are done again.

    Attributes:
        run: Name of the run.
        place: Words of the command line that say where the run lies, and over what it is connected.
        form: Address of its deployment's form, to which parameters are added; empty where there is none.
        recipe: The flow run's own parameters, as JSON takes them, without a redrive.
        redrives: Whether the flow run itself is a redrive.
    """

    run: str
    place: tuple[str, ...]
    form: str
    recipe: Mapping[str, Any]
    redrives: bool = False

    @property
    def sentence(self) -> str:
        """What asks all those who failed once more."""
        if not self.form:
            return "Start the same command again: only those that failed are asked."
        if self.redrives:
            return (
                "Start a Custom run of the deployment with the same parameters less effort.redrive: "
                "only those that failed are asked."
            )
        return (
            "Choose Retry on this flow run's page, or a Custom run of the deployment with the same "
            "parameters: only those that failed are asked."
        )

    def command(self, group: Group) -> str:
        """The command line that does a group again; empty where none does."""
        return group.command(self.place, self.run)

    def filled(self, group: Group | None = None) -> str:
        """Address of the form, filled in: for a group alone, or for a build; empty where none is.

        An input with a query may be a signed URL, which is for nobody else to see.
        """
        if not self.form or "?" in str(self.recipe.get("input", "")):
            return ""
        effort = dict(self.recipe.get("effort", {}))
        if group is not None:
            effort |= {"redrive": [group.reason.value], "redrive_sample": group.way == "another"}
        filled = {"recipe": {**self.recipe, "effort": effort}}
        return self.form + quote(json.dumps(filled, separators=(",", ":")), safe="")


def again_of(recipe: Recipe, root: str) -> Again:
    """How triplets of the flow run that is running here are done again.

    Args:
        recipe: Its parameters, as they were given.
        root: Of the store.
    """
    names, given = recipe.endpoints, recipe.model_dump(mode="json", exclude_defaults=True)
    for name in ("redrive", "redrive_sample"):
        given.get("effort", {}).pop(name, None)
    place: tuple[str, ...] = ("--store", root)
    form = ""
    if deployment.id:
        roles = names.model_dump(exclude={"budget"})  # no word of the command line names one
        named = {f"--{role}-block": name for role, name in roles.items() if name}
        place = tuple(word for pair in named.items() for word in pair)
        form = _PATH.format(deployment.id)
    return Again(recipe.run, place, form, given, redrives=bool(recipe.effort.redrive))
