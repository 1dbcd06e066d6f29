"""What every fault needs: clients that write as fast as a fault is found, which is faster than one person may."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def no_limit_on_posts() -> Iterator[None]:
    """A few accounts write for many; what is refused for its rate would hide what is lost."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEDSIDE_POSTS_PER_SECOND", "10000")
        patch.setenv("BEDSIDE_POSTS_BURST", "10000")
        yield
