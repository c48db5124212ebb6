"""The workshop of the flow run that is running here.

Tasks take and return small references; store, engine and keys stay in the process. A flow opens a
workshop, and its task runs, which inherit its context, find it here.
"""

from contextvars import ContextVar

from editcorpus.stages.workshop import Workshop

WORKSHOP: ContextVar[Workshop] = ContextVar("editcorpus-workshop")
