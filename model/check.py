#!/usr/bin/env python3
"""
Explores the models of this directory: the protocols as the library has them, which must hold, and with one guard removed each, which must
be violated. Usage: model/check.py [--deep]. It takes half a minute. With --deep it explores more faults and writers, for ten minutes.
"""

import sys
import time

from durable import Durable, Left
from explore import explore
from lost_commits import Left as Faults
from lost_commits import LostCommits
from readers import Readers

DEEP = "--deep" in sys.argv
EVENTS = (1, 2, 1) if DEEP else (1, 2)
LEFT = Left() if DEEP else Left(losses=1)
CRASH = Faults(crashes=1, failovers=1, claims=1) if DEEP else Faults(events=2, crashes=1, failovers=0, claims=1)
FAIL_OVER = Faults(events=2, crashes=0, failovers=1, claims=0)

AS_DESIGNED = [
    ("readers", Readers(events=EVENTS)),
    ("durable: keys wait for the others", Durable(left=LEFT)),
    ("durable: keys beside the others", Durable(beside=True, left=LEFT)),
    ("durable: positions are stored later", Durable(lazy=True, left=LEFT)),
    ("lost commits: crash, exactly-once", LostCommits(exactly_once=True, left=CRASH)),
    ("lost commits: crash, at-least-once", LostCommits(exactly_once=False, left=CRASH)),
    ("lost commits: fail-over, exactly-once", LostCommits(exactly_once=True, left=FAIL_OVER)),
    ("lost commits: fail-over, at-least-once", LostCommits(exactly_once=False, left=FAIL_OVER)),
]

BROKEN = [
    ("readers: rows are read before locks", Readers(rows_before_locks=True)),
    ("readers: a version is drawn before the announcement", Readers(draws_before_announcing=True)),
    ("readers: no second read while the doorbell lock is held", Readers(reads_once=True)),
    ("readers: no second read while a writer is announced", Readers(ignores_open_writers=True)),
    ("readers: no second notification after a failed commit", Readers(sends_again=False)),
    ("durable: no epoch", Durable(no_epoch=True)),
    ("durable: the lock of the process is the only guard", Durable(lock_only=True)),
    ("durable: the claim does not return the position", Durable(stale_position=True)),
    ("durable: position and waiting key are stored in two transactions", Durable(parks_in_two=True)),
    ("durable: waiting keys are not loaded after the claim", Durable(no_reload=True)),
    ("durable: an operator deletes rows", Durable(operator_deletes=True)),
    ("durable: a drained key is removed later", Durable(stale_drain=True)),
    ("lost commits: writes do not compare the position", LostCommits(True, no_position=True, left=CRASH)),
    ("lost commits: the row is not read after a lost connection", LostCommits(True, no_verification=True, left=CRASH)),
    ("lost commits: writes do not name the server", LostCommits(False, no_server=True, left=FAIL_OVER)),
    ("lost commits: events of another server are handled", LostCommits(True, reads_elsewhere=True, left=FAIL_OVER)),
    ("lost commits: a former claim waits for the reader", LostCommits(True, waits_forever=True, left=FAIL_OVER)),
]


def main() -> int:
    wrong = 0
    for expected, models in ((True, AS_DESIGNED), (False, BROKEN)):
        for name, model in models:
            start = time.monotonic()
            result = explore(model)
            right = result.holds == expected
            wrong += not right
            print(f"{'ok  ' if right else 'WRONG'} {name}: {result} ({time.monotonic() - start:.1f} s)", flush=True)
            if not result.holds and expected:
                print("\n".join(f"    {state}" for state in result.path))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
