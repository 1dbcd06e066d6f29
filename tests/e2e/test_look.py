"""Every page at 320, 768 and 1280 pixels, light and dark: no fault by axe, nothing wider than the screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.browser import Person, axe_problems
from tests.support.clinic import RunningClinic

pytestmark = pytest.mark.e2e
PAGES = {
    "ana": ["/", "thread", "/threads/new", "/account", "/account/devices"],
    "boris": ["/", "thread", "/threads/new?query=al", "/account/devices"],
    "dina": ["/admin/accounts", "/admin/links", "/admin/clinic", "/account"],
}


@pytest.mark.parametrize("width", [320, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_and_are_accessible(
    person: Callable[..., Person], clinic: RunningClinic, name: str, scheme: str, width: int
) -> None:
    one = person(name, viewport={"width": width, "height": 700}, color_scheme=scheme)
    for path in PAGES[name]:
        path = clinic.ready["threads"]["ana-boris"]["url"] if path == "thread" else path
        response = one.page.goto(clinic.ready["web"] + path)
        assert response is not None and response.ok, path
        wide = one.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is {wide} pixels too wide"
        assert axe_problems(one.page) == [], path


def test_a_thread_is_usable_by_keyboard_alone(person: Callable[..., Person]) -> None:
    boris = person("boris")
    page = boris.open("ana-boris")
    boris.live()
    seen = []
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim().slice(0, 20)"))
        if seen[-1] == "body":
            break
    assert "body" in seen, seen
    assert seen.index("log") < seen.index("body") if "log" in seen else True
    page.keyboard.type("By keyboard alone")
    page.keyboard.press("Enter")
    page.get_by_text("By keyboard alone").wait_for()
