"""
Model of a durable subscription in exactly-once delivery (docs/durable.md, docs/adr/0014-epoch-guards-durable-subscriptions.md).

Two processes share one partition with four events of two keys (a b a a). The handler can fail at the events of key a. Faults: kill -9, after
which the transaction and the memory are gone, and the loss of the liveness lock while the process continues (a pause or a cut network is
the same with any interleaving). A successor ends the open transaction of a process that has lost the lock. An operator requeues or discards.

Safety: each event takes effect once, in the order of its key, and no event before an earlier one of its key that is neither handled nor
discarded.
Liveness: when nothing more can happen, each event is handled or discarded, or a row says that it waits.
"""

from typing import NamedTuple, Optional

KEYS = {1: "a", 2: "b", 3: "a", 4: "a"}
LAST = max(KEYS)
NOBODY, DEAD = 0, 9


class Row(NamedTuple):
    """The row of the checkpoint."""

    position: int = 0
    epoch: int = 0
    owner: int = NOBODY
    locked_by: int = NOBODY


class Parked(NamedTuple):
    """The row of key a, after one of its events has failed."""

    next: int
    command: Optional[str] = None


class Process(NamedTuple):
    pc: str = "idle"
    epoch: int = 0
    position: int = 0
    parked: Optional[Parked] = None  # the row, as the process knows it
    version: int = 0  # that is handled
    flow: str = ""  # "main", or "key" for an event of a waiting key


class Left(NamedTuple):
    """What can still happen."""

    failures: int = 2
    crashes: int = 1
    losses: int = 2
    commands: int = 2


class State(NamedTuple):
    row: Row = Row()
    parked: Optional[Parked] = None
    handled: tuple = ()
    discarded: frozenset = frozenset()
    locks: tuple = (True, True)
    processes: tuple = (Process(), Process())
    left: Left = Left()


def next_of_key(parked: Parked, position: int) -> Optional[int]:
    return next((each for each in range(parked.next, position + 1) if KEYS[each] == "a"), None)


class Durable:
    """The options break the protocol on purpose, except beside and lazy: keys are drained beside the others, and positions that pass
    waiting events are stored later. The library does both."""

    def __init__(
        self,
        beside=False,
        lazy=False,
        no_epoch=False,
        lock_only=False,
        stale_position=False,
        parks_in_two=False,
        no_reload=False,
        operator_deletes=False,
        stale_drain=False,
        left=Left(),
    ):
        self.beside = beside or stale_drain
        self.lazy = lazy
        self.no_epoch = no_epoch
        self.lock_only = lock_only
        self.stale_position = stale_position
        self.parks_in_two = parks_in_two
        self.no_reload = no_reload
        self.operator_deletes = operator_deletes
        self.stale_drain = stale_drain
        self.left = left

    def initial(self) -> State:
        return State(left=self.left)

    def steps(self, state: State) -> list:
        steps = []
        for index in (0, 1):
            steps += Steps(self, state, index).all()
        return steps + self._operator(state)

    def _operator(self, state: State) -> list:
        parked, left = state.parked, state.left
        if not parked or parked.command or not left.commands:
            return []
        left = left._replace(commands=left.commands - 1)
        steps = [(state._replace(parked=parked._replace(command="requeue"), left=left), False)]
        if self.operator_deletes:
            gone = {each for each in range(parked.next, state.row.position + 1) if KEYS[each] == "a"}
            steps.append((state._replace(parked=None, discarded=state.discarded | gone, left=left), False))
        else:
            steps.append((state._replace(parked=parked._replace(command="discard"), left=left), False))
        return steps

    def violation(self, state: State, quiet: bool) -> Optional[str]:
        handled = state.handled
        if len(set(handled)) < len(handled):
            return f"events are handled twice: {handled}"
        if set(handled) & state.discarded:
            return "an event is handled and discarded"
        for count, version in enumerate(handled):
            for earlier in range(1, version):
                done = earlier in handled[:count] or earlier in state.discarded
                if KEYS[earlier] == KEYS[version] and not done:
                    return f"events are handled out of order: {handled}"
        lost = [each for each in KEYS if not self._is_accounted_for(state, each)]
        return f"events {lost} are lost" if quiet and lost else None

    def _is_accounted_for(self, state: State, version: int) -> bool:
        if version in state.handled or version in state.discarded:
            return True
        waits = state.parked and KEYS[version] == "a" and state.parked.next <= version
        return bool(waits) and (self.lazy or version <= state.row.position)


class Steps:
    """The next steps of one process."""

    def __init__(self, model: Durable, state: State, index: int):
        self.model = model
        self.state = state
        self.index = index
        self.me = index + 1
        self.process = state.processes[index]
        self.row = state.row
        self.mine = model.no_epoch or self.row.epoch == self.process.epoch
        self.free = self.row.locked_by in (NOBODY, self.me)
        self.unguarded = model.lock_only
        self.steps = []

    def put(self, process=None, progress=True, **changes):
        processes = self.state.processes
        if process is not None:
            processes = processes[: self.index] + (process,) + processes[self.index + 1 :]
        self.steps.append((self.state._replace(processes=processes, **changes), progress))

    def unlocked(self, **changes) -> Row:
        locked_by = NOBODY if self.row.locked_by == self.me else self.row.locked_by
        return self.row._replace(locked_by=locked_by, **changes)

    def all(self) -> list:
        self._faults()
        getattr(self, "_" + self.process.pc)()
        return self.steps

    def _locks(self, held: bool) -> tuple:
        return tuple(held if each == self.index else self.state.locks[each] for each in (0, 1))

    def _faults(self):
        left = self.state.left
        if not self.state.locks[self.index]:
            self.put(locks=self._locks(True))  # it is connected again
        elif left.losses:
            self.put(locks=self._locks(False), left=left._replace(losses=left.losses - 1), progress=False)
        if left.crashes:
            owner = DEAD if self.row.owner == self.me else self.row.owner
            left = left._replace(crashes=left.crashes - 1)
            self.put(Process(), row=self.unlocked(owner=owner), locks=self._locks(True), left=left, progress=False)

    def _is_claimable(self) -> bool:
        owner = self.row.owner
        return owner in (NOBODY, DEAD) or owner == self.me or not self.state.locks[owner - 1]

    def _claim(self, position: int, parked: Optional[Parked]):
        row = self.row._replace(epoch=self.row.epoch + 1, owner=self.me)
        self.put(Process("own", row.epoch, position, parked), row=row)

    def _idle(self):
        if self.row.owner == self.me:
            self.put(row=self.row._replace(owner=DEAD))  # it has given the partition up
        elif self.state.locks[self.index] and self._is_claimable():
            locker = self.row.locked_by
            if locker not in (NOBODY, self.me) and not self.state.locks[locker - 1]:
                self.put(row=self.row._replace(locked_by=NOBODY))  # ends that transaction
            elif locker == NOBODY and self.model.stale_position:
                self.put(Process("claim_later", 0, self.row.position, self.state.parked))
            elif locker == NOBODY:
                self._claim(self.row.position, None if self.model.no_reload else self.state.parked)

    def _claim_later(self):
        if not self._is_claimable():
            self.put(Process())
        elif self.row.locked_by == NOBODY:
            self._claim(self.process.position, self.process.parked)

    def _own(self):
        process, stored = self.process, self.state.parked
        known = process.parked
        command = known.command if known else None
        if known and stored and known != stored and command != "end":
            self.put(process._replace(parked=stored))  # between two transactions it reads the command
        if command == "discard":
            self._discard(known)
        elif command == "requeue":
            self._try_key(known)
        elif command == "end" and self.mine and self.free and stored:
            self._remove_key()
        if (command is None or self.model.beside) and process.position < LAST:
            self._try_next(process.position + 1)

    def _discard(self, known: Parked):
        if not self.mine:
            self.put(Process())
        elif self.free and self.state.parked:
            gone = {each for each in range(known.next, self.process.position + 1) if KEYS[each] == "a"}
            self._remove_key(discarded=self.state.discarded | gone)

    def _remove_key(self, **changes):
        """The position is stored together with the deletion."""
        row = self.row._replace(position=max(self.row.position, self.process.position))
        self.put(self.process._replace(parked=None), parked=None, row=row, **changes)

    def _try_key(self, known: Parked):
        version = next_of_key(known, self.process.position)
        if not self.mine:
            self.put(Process())
        elif version is None and self.model.stale_drain:
            self.put(self.process._replace(parked=Parked(known.next, "end")))
        elif version is None:
            if self.free and self.state.parked:
                self._remove_key()
        else:
            self._begin(version, "key")

    def _try_next(self, version: int):
        process = self.process
        if process.parked and KEYS[version] == "a":  # waits behind the failed event
            if self.model.lazy:
                self.put(process._replace(position=version))
            elif not self.mine:
                self.put(Process())
            elif self.free:
                self.put(process._replace(position=version), row=self.row._replace(position=version))
        elif not self.mine:
            self.put(Process())
        else:
            self._begin(version, "main")

    def _begin(self, version: int, flow: str):
        """The first statement of the handler's transaction locks the row."""
        begun = self.process._replace(pc="handle", version=version, flow=flow)
        if self.unguarded:
            self.put(begun)
        elif self.free:
            self.put(begun, row=self.row._replace(locked_by=self.me))

    def _handle(self):
        if self.row.locked_by != self.me and not self.unguarded:
            self.put(Process())  # the transaction was ended by another process
            return
        self.put(self.process._replace(pc="commit"))
        left = self.state.left
        if KEYS[self.process.version] == "a" and left.failures:
            left = left._replace(failures=left.failures - 1)
            self.put(self.process._replace(pc="failed"), row=self.unlocked(), left=left)

    def _commit(self):
        process, version = self.process, self.process.version
        handled = self.state.handled + (version,)
        if not self.unguarded and self.row.locked_by != self.me:
            self.put(Process())
        elif process.flow == "main":
            self.put(
                process._replace(pc="own", position=version, version=0, flow=""),
                row=self.unlocked(position=version),
                handled=handled,
            )
        elif self.state.parked:
            parked = self.state.parked._replace(next=version + 1)
            row = self.unlocked(position=max(self.row.position, process.position))
            self.put(process._replace(pc="own", parked=parked, version=0, flow=""), row=row, parked=parked, handled=handled)
        else:
            self.put(Process(), row=self.unlocked())

    def _failed(self):
        process, version = self.process, self.process.version
        parked = Parked(version)
        owns = process._replace(pc="own", parked=parked, version=0, flow="")
        if not self.mine:
            self.put(Process())
        elif not self.free:
            return
        elif process.flow == "key":
            if self.state.parked:
                self.put(owns, parked=parked)
            else:
                self.put(Process())
        elif self.model.parks_in_two:
            self.put(process._replace(pc="park", position=version), row=self.row._replace(position=version))
        else:
            self.put(owns._replace(position=version), parked=parked, row=self.row._replace(position=version))

    def _park(self):
        parked = Parked(self.process.version)
        self.put(self.process._replace(pc="own", parked=parked, version=0, flow=""), parked=parked)
