"""A group of subjects is made once and counts for many requests; a subject counts once in each."""

import pytest

from infra.config.objects import Limits
from infra.errors import RateLimited
from infra.limits.limiter import Group, Limiter, Subject
from infra.units import Rate


async def test_a_group_that_is_kept_counts_every_request() -> None:
    limiter = Limiter(lambda: 1)
    group = Group([Subject("key a", Limits(requests=Rate(2, 60)))])
    for _ in range(2):
        await limiter.admit(group)
    with pytest.raises(RateLimited):
        await limiter.admit(group)


async def test_a_subject_comes_once() -> None:
    subject = Subject("key a", Limits(requests=Rate(9, 60)))
    with pytest.raises(ValueError, match="twice"):
        Group([subject, subject])
    ticket = await Limiter(lambda: 1).admit(Group([subject]))
    with pytest.raises(ValueError, match="twice"):
        await ticket.join(Group([subject]))
