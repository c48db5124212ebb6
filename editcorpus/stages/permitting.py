"""Give a run's money out in permits, and settle their accounts: what its owner does.

Whatever becomes of those who hold a permit, or of the owner itself, what was spent is read from the
journal that bears the permit's name, and only once nobody works under the permit any more.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from editcorpus.errors import Interrupted
from editcorpus.leases import Owner, Times
from editcorpus.ledger import read_totals
from editcorpus.partitions import Allowance, Allowances, Partition
from editcorpus.permits import (
    Permit,
    is_taken,
    read_permits,
    remove_permit,
    told,
    write_permit,
)
from editcorpus.stages.workshop import Workshop

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
"""How often it is looked whether somebody still works under a permit that was revoked, in seconds."""


class Permits:
    """The permits of one run, in the hands of its owner.

    Args:
        shop: The run.
        owner: This process.
        times: The clock.
    """

    def __init__(self, shop: Workshop, owner: Owner, times: Times | None = None) -> None:
        self._shop = shop
        self._owner = owner
        self._times = times or Times()
        self._allowances = Allowances(shop.ledger)

    def give(self, name: str, part: Partition, free: int, hands: int) -> Permit:
        """Set money aside for a partition, and put that on record.

        Args:
            name: Unique over all that ever write to the store.
            part: The partition.
            free: How many could still be given one now, this one included.
            hands: Among how many the endpoints' limits are shared.

        Raises:
            BudgetExceeded: Not a cent is free.
        """
        usd = self._allowances.deal(name, free).usd
        permit = Permit(name, part.number, part.first, part.stop, hands, usd)
        write_permit(self._shop.store, self._shop.run, permit)
        return permit

    def out(self) -> list[Permit]:
        """The permits that an earlier owner of the run gave out; their money is held already."""
        return read_permits(self._shop.store, self._shop.run)

    def revoke(self, permit: Permit) -> Permit:
        """Have a permit hold no more; who works under it sees that within `RENEW_S`, and ends."""
        if permit.revoked:
            return permit
        gone = replace(permit, revoked=True)
        write_permit(self._shop.store, self._shop.run, gone)
        return gone

    def is_taken(self, permit: Permit) -> bool:
        """Whether anybody works under a permit, as far as can be told."""
        shop, owner = self._shop, self._owner
        return is_taken(shop.store, shop.run, permit.name, owner.host, self._times.clock)

    def book(self, permit: Permit) -> None:
        """Book what was spent under a permit so far; what may still be spent stays set aside."""
        left = self._booked(permit)
        if left is not None:
            self._shop.ledger.hold(permit.name, left)

    def close(self, permit: Permit) -> None:
        """Book what was spent under a permit that was revoked and that nobody works under, and forget it."""
        self._booked(permit)
        remove_permit(self._shop.store, self._shop.run, permit.name)

    def settle(self, permits: Iterable[Permit], look_s: float = _LOOK_S) -> None:
        """Take permits of an earlier owner back; waits until nobody works under them any more.

        Raises:
            Interrupted: The run was interrupted while it waited.
        """
        waiting = list(permits)
        for permit in waiting:
            self.revoke(permit)
        for permit in waiting:
            self._wait(permit, look_s)
            self.close(permit)

    def _booked(self, permit: Permit) -> Decimal | None:
        shop = self._shop
        spent = read_totals(shop.store, shop.run, permit.name)
        _, cached = told(shop.store, shop.run, permit.name)
        return self._allowances.take_back(Allowance(permit.name, permit.usd), spent, cached)

    def _wait(self, permit: Permit, look_s: float) -> None:
        said = False
        while self.is_taken(permit):
            if not said:
                _log.warning(
                    "Partition %d is in work for a process that owned the run before; this one waits "
                    "until that has ended.",
                    permit.number,
                )
                said = True
            if self._shop.engine.stopped is not None:
                raise self._shop.engine.stopped
            if self._shop.stopping.wait(look_s):
                raise Interrupted("The run was interrupted.")
