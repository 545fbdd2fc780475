"""
Model of appends and readers: the fence, and the doorbell lock (docs/architecture.md).

Two writers insert one and two events in a transaction each (three writers with check.py --deep). A transaction commits or rolls back, also in the middle of its commit. One
reader sleeps until a notification, reads the sequence, then the announcements, then the rows.

Safety: the reader never passes a version that becomes visible later.
Liveness: when nothing more can happen, every visible event was delivered. There is no poll in this model.
"""

from typing import NamedTuple, Optional


class Writer(NamedTuple):
    pc: str = "start"
    last_value: Optional[int] = None  # of the sequence, before the first version is drawn
    versions: tuple = ()
    announced: int = 0
    committing: int = 0
    doorbell: int = 0  # holds the doorbell lock
    notifies: int = 0  # 1: at the commit, 2: the notification was delivered, 3: another one was sent for it
    visible: int = 0


class Reader(NamedTuple):
    pc: str = "sleep"
    position: int = 0
    sequence: Optional[int] = None
    stable: Optional[int] = None
    reads_again: bool = False
    delivered: frozenset = frozenset()
    snapshot: Optional[frozenset] = None


class State(NamedTuple):
    sequence: int
    visible: frozenset
    writers: tuple
    notified: int
    reader: Reader


class Readers:
    """The options break the protocol on purpose, except fails_while_committing with sends_again, which is the protocol."""

    def __init__(
        self,
        rows_before_locks=False,
        draws_before_announcing=False,
        reads_once=False,
        ignores_open_writers=False,
        fails_while_committing=True,
        sends_again=True,
        events=(1, 2),
    ):
        self.rows_before_locks = rows_before_locks
        self.draws_before_announcing = draws_before_announcing
        self.reads_once = reads_once
        self.ignores_open_writers = ignores_open_writers
        self.fails_while_committing = fails_while_committing
        self.sends_again = sends_again
        self.events = events

    def initial(self) -> State:
        return State(0, frozenset(), tuple(Writer() for _ in self.events), 0, Reader())

    def steps(self, state: State) -> list:
        following = [self._read(state)] if self._read(state) else []
        for index in range(len(self.events)):
            following += self._write(state, index)
        return [(each, True) for each in following]

    def _write(self, state: State, index: int) -> list:
        writer = state.writers[index]
        following = []

        def put(changed: Writer, **changes):
            writers = state.writers[:index] + (changed,) + state.writers[index + 1 :]
            following.append(state._replace(writers=writers, **changes))

        if writer.pc == "start":
            if self.draws_before_announcing:
                drawn = state.sequence + 1
                put(writer._replace(pc="read last value", versions=(drawn,)), sequence=drawn)
            else:
                put(writer._replace(pc="announce", last_value=state.sequence))
        elif writer.pc == "read last value":
            put(writer._replace(pc="announce", last_value=state.sequence))
        elif writer.pc == "announce":
            put(writer._replace(pc="insert", announced=1))
        elif writer.pc == "insert":
            if len(writer.versions) < self.events[index]:
                drawn = state.sequence + 1
                put(writer._replace(versions=writer.versions + (drawn,)), sequence=drawn)
            else:
                put(writer._replace(pc="take doorbell"))
                put(writer._replace(pc="release"))  # rolls back
        elif writer.pc == "take doorbell":
            free = not any(each.doorbell for each in state.writers)
            put(writer._replace(pc="commit", doorbell=int(free), notifies=int(free)))
        elif writer.pc == "commit":
            put(writer._replace(pc="release", visible=1), visible=state.visible | set(writer.versions))
            if self.fails_while_committing:
                put(writer._replace(pc="release", notifies=0))
        elif writer.pc == "release":
            self._release(writer, put)
        return following

    def _release(self, writer: Writer, put) -> None:
        """The server releases the locks of a transaction in any order, and delivers its notification before, between or after."""
        for lock in ("announced", "committing", "doorbell"):
            if getattr(writer, lock):
                put(writer._replace(**{lock: 0}))
        if writer.visible and writer.notifies == 1:
            put(writer._replace(notifies=2), notified=1)
        if not (writer.announced or writer.committing or writer.doorbell):
            if writer.visible and writer.notifies == 1:
                put(writer._replace(pc="done", notifies=2), notified=1)
            elif writer.visible and writer.notifies == 0 and self.sends_again:
                put(writer._replace(pc="done", notifies=3), notified=1)
            else:
                put(writer._replace(pc="done"))

    def _read(self, state: State) -> Optional[State]:
        reader = state.reader
        if reader.pc == "sleep":
            return state._replace(notified=0, reader=reader._replace(pc="read sequence")) if state.notified else None
        if reader.pc == "read sequence":
            snapshot = state.visible if self.rows_before_locks else None
            return state._replace(reader=reader._replace(pc="read locks", sequence=state.sequence, snapshot=snapshot))
        if reader.pc == "read locks":
            announced = [each.last_value for each in state.writers if each.announced]
            stable = min(announced + [reader.sequence])
            held = any(each.doorbell for each in state.writers)
            behind = stable < state.sequence and not self.ignores_open_writers
            reads_again = (held or behind) and not self.reads_once
            return state._replace(reader=reader._replace(pc="read rows", stable=stable, reads_again=reads_again))
        rows = reader.snapshot if self.rows_before_locks else state.visible
        delivered = reader.delivered | {each for each in rows if reader.position < each <= reader.stable}
        position = max(reader.position, reader.stable)
        pc = "read sequence" if reader.reads_again else "sleep"
        return state._replace(reader=Reader(pc=pc, position=position, delivered=delivered))

    def violation(self, state: State, quiet: bool) -> Optional[str]:
        reader = state.reader
        for writer in state.writers:
            can_appear = writer.pc not in ("release", "done")
            for version in writer.versions:
                if version <= reader.position and version not in reader.delivered:
                    if version in state.visible or can_appear:
                        return f"the reader has passed version {version}"
        lost = state.visible - reader.delivered
        return f"versions {sorted(lost)} are never delivered" if quiet and lost else None
