"""Explores all states that a model can reach, breadth first, and checks each of them."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Optional


@dataclass
class Result:
    """What the exploration has found. The path leads from the initial state to the violation."""

    states: int
    violation: Optional[str] = None
    path: list = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return self.violation is None

    def __str__(self) -> str:
        return f"{self.states:>9} states: {'holds' if self.holds else 'VIOLATED: ' + self.violation}"


def explore(model: Any) -> Result:
    """
    A model has three methods. initial() returns a state. steps(state) returns the next states as pairs: the state, and whether the step
    is progress, not a fault. A state without progress is quiet. violation(state, quiet) returns a text, or None.
    """
    first = model.initial()
    before = {first: None}
    waiting = deque([first])
    explored = 0
    while waiting:
        state = waiting.popleft()
        explored += 1
        steps = model.steps(state)
        quiet = not any(progress for _, progress in steps)
        violation = model.violation(state, quiet)
        if violation:
            return Result(explored, violation, _path(before, state))
        for following, _ in steps:
            if following not in before:
                before[following] = state
                waiting.append(following)
    return Result(explored)


def _path(before: dict, state: Any) -> list:
    path = []
    while state is not None:
        path.append(state)
        state = before[state]
    return path[::-1]
