"""Does the database learn of a nudge whose activity failed before it could show anything?"""

from __future__ import annotations

from datetime import timedelta

from dunning.case import apply
from dunning.events import Deferred, NudgeEnded, Woke
from dunning.facts import Doing
from dunning.work import Nudge, Project
from tests.rules.builders import Story, failed


def test_a_nudge_that_failed_unseen_is_shown_by_the_next_work() -> None:
    story = Story().happens(failed())
    due = story.wakes_at
    assert due is not None
    story.now = due
    work = story.feed(Woke())
    assert isinstance(work, Nudge)

    later = Deferred(until=due + timedelta(hours=1), reason="internal fault")
    ended = NudgeEnded(step=work.step.id, result=later, shown=False)
    case, following = apply(story.case, ended, due)

    assert isinstance(following, Project)
    assert (case.busy and case.busy.doing, case.next(due)[1]) == (Doing.PROJECT, later.until)
