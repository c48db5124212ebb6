"""Every exception that editcorpus raises on purpose.

    EditcorpusError
    ├── ConfigError            the run cannot start like this: a parameter, a path, a column, a key
    │   └── Taken              somebody else has what this process wants for itself
    ├── RunStopped             the run must not go on; what is finished stays, starting again continues
    │   ├── AllowanceVoid      what a partition was to be done with holds no more
    │   ├── BudgetExceeded     the next call could pass the budget
    │   ├── EndpointStopped    key, quota, billing or model: no further call can succeed
    │   ├── StorageFull        the disk or bucket takes no more bytes
    │   └── Interrupted        somebody asked the run to stop
    ├── StorageError           a store did not do what it promised
    ├── ShardError             the columns of a shard contradict each other or their manifest
    │   ├── ShardDamaged       a file of a step over a shard is damaged: the step can be done anew
    │   └── RowsDamaged        a row group of an input file cannot be read; the others can
    └── RecordError            this one record cannot be done; becomes `Rejected` or `Failed`
        ├── SourceError        its pixels or text cannot be used
        ├── ModelRefused       the model's operator will not do it
        ├── ModelMisbehaved    the answer came, was paid for, and is damaged
        └── ModelUnavailable   no answer after all retries

A record error carries the `Reason` under which the record is filed. Messages are whole sentences
with the offending value and what was expected; they never hold a key or a picture.
"""

from editcorpus.records import Reason


def first_line(error: BaseException) -> str:
    """What an exception of somebody else's says first, to end a sentence of ours: without a full stop."""
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")


class EditcorpusError(Exception):
    """Anything that editcorpus raises on purpose.

    Attributes:
        kind: What it is, in a word or two, where it stops a run; empty where there is no word for it.
    """

    kind = ""


class ConfigError(EditcorpusError, ValueError):
    """The run cannot start like this: a parameter, a path, a column, a key."""


class Taken(ConfigError):
    """Somebody else has what this process wants for itself; it can be waited for."""


class RunStopped(EditcorpusError):
    """The run must not go on; finished work stays, and starting it again continues.

    Args:
        args: One sentence.
        kind: What stopped it, in a word or two, where the class does not say it: people read it in
            the name of a state, and programs match it.
    """

    def __init__(self, *args: object, kind: str = "") -> None:
        super().__init__(*args)
        self.kind = kind or type(self).kind


class AllowanceVoid(RunStopped):
    """What a partition was to be done with holds no more; its run's owner hands it out again."""

    kind = "allowance"


class BudgetExceeded(RunStopped):
    """The next call could pass the budget."""

    kind = "budget"


class EndpointStopped(RunStopped):
    """Key, quota, billing or model: no further call can succeed."""

    kind = "endpoint"


class StorageFull(RunStopped, OSError):
    """The disk or bucket takes no more bytes."""

    kind = "disk"


class Interrupted(RunStopped):
    """Somebody asked the run to stop."""

    kind = "interrupted"


class StorageError(EditcorpusError, OSError):
    """A store did not do what it promised."""

    kind = "store"


class ShardError(EditcorpusError):
    """The columns of a shard contradict each other or their manifest."""

    kind = "damage"


class ShardDamaged(ShardError):
    """A file of a step over a shard is damaged or missing; the step can be done anew.

    Args:
        sentence: What is wrong with it.
        folder: Where the shard lies in its store.
        step: The step that wrote the file.
        path: Of the file in its store.
    """

    def __init__(self, sentence: str, folder: str, step: str, path: str) -> None:
        super().__init__(sentence)
        self.folder = folder
        self.step = step
        self.path = path


class RowsDamaged(ShardError):
    """A row group of an input file cannot be read; the others can."""


class RecordError(EditcorpusError):
    """One record cannot be done; the shard loop files it under `reason`."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class SourceError(RecordError):
    """The record's own pixels or text cannot be used."""


class ModelRefused(RecordError):
    """The model's operator will not answer this request, now or later."""


class ModelMisbehaved(RecordError):
    """The answer came, was paid for, and is damaged."""


class ModelUnavailable(RecordError):
    """No answer after all retries; the next run asks again."""
