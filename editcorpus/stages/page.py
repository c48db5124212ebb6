"""The gallery of a run, beside its corpus."""

from editcorpus.errors import ConfigError
from editcorpus.gallery import write_gallery
from editcorpus.layouts.manifest import read_manifest
from editcorpus.ledger import read_history
from editcorpus.runs import read_identity
from editcorpus.stages.exhibit import exhibits
from editcorpus.stages.opening import SANDBOX
from editcorpus.stages.plan import read_plan
from editcorpus.stages.publish import corpus_folder
from editcorpus.storage import Store

_EMULATED = (
    "EMULATED: the answers came from the sandbox, not from a model. The edits are simple drawings, "
    "good for trying the pipeline out and for nothing else."
)


def make_gallery(store: Store, name: str, limit: int) -> str:
    """Write the gallery of a run beside its corpus; gives where the page lies.

    Raises:
        ConfigError: There is no such run.
    """
    if read_plan(store, name) is None:
        raise ConfigError(f"The store {store.root} has no run {name!r}.")
    folder = corpus_folder(name)
    manifest = read_manifest(store, folder)
    facts = [("Booked", f"${read_history(store, name).spent:.4f}")]
    if manifest is not None:
        rejected = sum(manifest.rejected.values())
        facts += [
            ("Entered", str(manifest.entered)),
            ("Kept", str(manifest.kept)),
            ("Rejected", str(rejected)),
            ("Failed", str(sum(manifest.failed.values()))),
            *((role.capitalize(), model) for role, model in manifest.models.items()),
        ]
    providers = read_identity(store, name).get("providers", {})
    notice = _EMULATED if SANDBOX in providers.values() else ""
    page = f"{folder}/gallery"
    path = write_gallery(store, page, exhibits(store, name, limit), name, facts, notice)
    return store.url(path)
