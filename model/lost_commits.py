"""
Model of durable subscriptions on a server that loses commits (docs/architecture.md, docs/adr/0014-epoch-guards-durable-subscriptions.md).

Two processes share one partition. Each can claim it while no handler holds the row, so that the model does not depend on liveness. Each has a reader
of its own. Events get the next version of the log. A version that was lost is given out again.

Faults: a crash loses the commits that were not flushed. Only commits of handlers and positions are asynchronous: events and claims are
flushed. A fail-over loses the commits that were not replicated, and the server has another start. Both end the open transactions.

Safety: in exactly-once delivery the effects are those of the events up to the position. In at-least-once delivery every event up to the
position was handled.
Liveness: when nothing more can happen, the position is the end of the log.
"""

from typing import NamedTuple, Optional

NOBODY = 0


class Stored(NamedTuple):
    """What the server has stored. An event is a number that never occurs twice; its version is its index in the log, from 1."""

    log: tuple = ()
    position: int = 0
    epoch: int = 0
    owner: int = NOBODY
    effects: tuple = ()


class Claim(NamedTuple):
    epoch: int
    server: int


class Process(NamedTuple):
    pc: str = "idle"
    claim: Optional[Claim] = None
    position: int = 0
    known: int = 0  # the position that the row had last, as far as the process knows
    event: Optional[int] = None
    unverified: bool = False  # its connection has ended since the row was read
    server: int = 1  # that the reader reads from
    read: tuple = ()


class Left(NamedTuple):
    """What can still happen."""

    events: int = 3
    crashes: int = 1
    failovers: int = 1
    claims: int = 4


class State(NamedTuple):
    now: Stored = Stored()
    flushed: Stored = Stored()
    replicated: Stored = Stored()
    server: int = 1
    locked_by: int = NOBODY
    processes: tuple = (Process(), Process())
    handled: frozenset = frozenset()
    left: Left = Left()


class LostCommits:
    """The other options break the protocol on purpose."""

    def __init__(
        self,
        exactly_once: bool,
        no_server=False,
        reads_elsewhere=False,
        no_position=False,
        no_verification=False,
        waits_forever=False,
        left=Left(),
    ):
        self.exactly_once = exactly_once
        self.no_server = no_server
        self.reads_elsewhere = reads_elsewhere
        self.no_position = no_position
        self.no_verification = no_verification
        self.waits_forever = waits_forever
        self.left = left

    def initial(self) -> State:
        return State(left=self.left)

    def steps(self, state: State) -> list:
        steps = self._server(state)
        for index in (0, 1):
            steps += Steps(self, state, index).all()
        return steps

    def _server(self, state: State) -> list:
        steps = []
        now, left = state.now, state.left
        if left.events:
            event = self.left.events - left.events + 1
            stored = now._replace(log=now.log + (event,))
            steps.append((state._replace(now=stored, flushed=stored, left=left._replace(events=left.events - 1)), False))
        if state.flushed != now:
            steps.append((state._replace(flushed=now), False))
        if state.replicated != state.flushed:
            steps.append((state._replace(replicated=state.flushed), False))
        if left.crashes:
            left = left._replace(crashes=left.crashes - 1)
            steps.append((self._begun(state, state.flushed, server=state.server, left=left), False))
        left = state.left
        if left.failovers:
            left = left._replace(failovers=left.failovers - 1)
            steps.append((self._begun(state, state.replicated, server=state.server + 1, left=left), False))
        return steps

    @staticmethod
    def _begun(state: State, stored: Stored, **changes) -> State:
        """The server begins to work with what it has stored. All connections and transactions have ended."""
        processes = tuple(
            each._replace(
                pc="own" if each.pc == "transaction" else each.pc,
                event=None if each.pc == "transaction" else each.event,
                unverified=each.pc in ("own", "transaction"),
            )
            for each in state.processes
        )
        return state._replace(
            now=stored, flushed=stored, replicated=stored, locked_by=NOBODY, processes=processes, **changes
        )

    def violation(self, state: State, quiet: bool) -> Optional[str]:
        now = state.now
        done = now.log[: now.position]
        if self.exactly_once and now.effects != done:
            return f"the events up to the position are {done}, their effects are {now.effects}"
        if not self.exactly_once and not state.handled.issuperset(done):
            return f"the events up to the position are {done}, and {sorted(state.handled)} were handled"
        if quiet and now.position < len(now.log):
            return f"events {now.log[now.position :]} are never handled"
        return None


class Steps:
    """The next steps of one process."""

    def __init__(self, model: LostCommits, state: State, index: int):
        self.model = model
        self.state = state
        self.index = index
        self.me = index + 1
        self.process = state.processes[index]
        self.steps = []

    def put(self, process: Process, **changes):
        processes = self.state.processes
        processes = processes[: self.index] + (process,) + processes[self.index + 1 :]
        self.steps.append((self.state._replace(processes=processes, **changes), True))

    def all(self) -> list:
        self._reader()
        getattr(self, "_" + self.process.pc)()
        return self.steps

    def _reader(self):
        """After a fail-over the reader continues with the log of the new server. If its history has changed, the run ends."""
        process, log = self.process, self.state.now.log
        if process.server == self.state.server:
            if process.read != log:
                self.put(process._replace(read=log))
            return
        moved = process._replace(server=self.state.server, read=log)
        changed = log[: len(process.read)] != process.read
        self.put(moved._replace(pc="idle", event=None, unverified=False) if changed and process.pc == "own" else moved)

    def _ended(self) -> Process:
        return self.process._replace(pc="idle", event=None, unverified=False)

    def _is_held(self) -> bool:
        """The condition of each write of an owner."""
        now, claim = self.state.now, self.process.claim
        return (
            now.epoch == claim.epoch
            and now.owner == self.me
            and (self.model.no_server or self.state.server == claim.server)
            and (self.model.no_position or now.position >= self.process.known)
        )

    def _idle(self):
        now, left = self.state.now, self.state.left
        mine = now.owner == self.me
        if self.state.locked_by or not (left.claims or mine or now.owner == NOBODY):
            return
        if not mine and now.owner != NOBODY:
            left = left._replace(claims=left.claims - 1)  # the other process counts as dead
        if now.position == len(now.log) and mine:
            return
        claimed = now._replace(epoch=now.epoch + 1, owner=self.me)
        claim = Claim(claimed.epoch, self.state.server)
        process = self.process._replace(pc="claimed", claim=claim, position=now.position, known=now.position)
        self.put(process, now=claimed, flushed=claimed, left=left)

    def _claimed(self):
        self.put(self.process._replace(pc="own"))

    def _own(self):
        process, claim = self.process, self.process.claim
        if process.unverified and not self.model.no_verification:
            self.put(process._replace(unverified=False) if self._is_held() else self._ended())
        if process.event is not None:
            self._handle()
        elif process.server != claim.server and not self.model.reads_elsewhere:
            if not self._is_held() and not self.model.waits_forever:
                self.put(self._ended())
        elif process.position < len(process.read):
            self.put(process._replace(event=process.read[process.position]))
        if not self.model.exactly_once and process.position > process.known:
            self._store()

    def _handle(self):
        process = self.process
        if not self.model.exactly_once:
            handled = self.state.handled | {process.event}
            self.put(process._replace(position=process.position + 1, event=None), handled=handled)
        elif not self._is_held():
            self.put(self._ended())
        elif not self.state.locked_by:
            self.put(process._replace(pc="transaction"), locked_by=self.me)

    def _transaction(self):
        """Effect and position are committed together."""
        process, now = self.process, self.state.now
        position = process.position + 1
        stored = now._replace(position=position, effects=now.effects + (process.event,))
        self.put(
            process._replace(pc="own", position=position, known=position, event=None), now=stored, locked_by=NOBODY
        )

    def _store(self):
        """At-least-once delivery stores the position later."""
        process = self.process
        if self._is_held():
            stored = self.state.now._replace(position=process.position)
            self.put(process._replace(known=process.position), now=stored)
        else:
            self.put(self._ended())
