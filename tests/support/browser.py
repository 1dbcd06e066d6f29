"""Debian's Chromium driven by Playwright: people signed in, each in a browser context of their own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Error, Locator, Page, Request, expect, sync_playwright

from tests.support.clinic import RunningClinic

# How long what is expected of a page may take, as the machine is shared: as long as an action of Playwright's may (its own default is 5 s).
expect.set_options(timeout=30_000)
CHROMIUM = "/usr/bin/chromium"
# A microphone that beeps and a camera that counts, which nobody is asked for.
DEVICES = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
AXE = Path(__file__).parents[2] / "web" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# Elements that reach over the edge of the screen, parts that scroll sideways, and icons of the header that something lies over.
MISPLACED = """() => {
  const root = document.documentElement;
  const wide = (element) => {
    const { left, right, width } = element.getBoundingClientRect();
    return width > 0 && (left < -0.5 || right > root.clientWidth + 0.5);
  };
  const sideways = (element) => /auto|scroll/.test(getComputedStyle(element).overflowX) && element.scrollWidth > element.clientWidth;
  const covered = (icon) => {
    const { x, y, width, height } = icon.getBoundingClientRect();
    const top = document.elementFromPoint(x + width / 2, y + height / 2);
    return top !== null && !top.contains(icon) && !icon.contains(top);
  };
  const shown = (selector) => [...document.querySelectorAll(selector)].filter((element) => element.checkVisibility());
  const found = [...shown("body *").filter((element) => wide(element) || sideways(element)), ...shown(".top > :not(details) .icon").filter(covered)];
  if (root.scrollWidth > root.clientWidth) found.push(root);
  return found.map((element) => element.outerHTML.slice(0, 120));
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run one headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu", *DEVICES])
        yield browser
        browser.close()


class Person:
    """Somebody at a browser. `problems` collects what the page's console complains of."""

    def __init__(self, browser: Browser, clinic: RunningClinic, name: str, **options: Any) -> None:
        self.clinic, self.name = clinic, name
        self.context = browser.new_context(**({"viewport": {"width": 1280, "height": 800}} | options))
        self.problems: list[str] = []
        self.asked: deque[str] = deque(maxlen=60)
        self.page = self.tab()

    def tab(self) -> Page:
        """Open another tab of the same browser."""
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: self.problems.append(message.text) if "Content Security" in message.text else None)
        page.on("request", lambda request: self._note(request, "asked"))
        page.on("requestfailed", lambda request: self._note(request, f"failed: {request.failure}"))
        page.on("response", lambda response: self._note(response.request, str(response.status)))
        return page

    def _note(self, request: Request, what: str) -> None:
        if request.resource_type in ("document", "xhr", "fetch"):
            self.asked.append(f"{time.strftime('%H:%M:%S')}.{time.time() % 1 * 1000:03.0f} {request.method} {request.url.split('/', 3)[-1][:100]} {what}")

    def leave(self) -> None:
        """Close this person's browser.

        COMPAT: Chromium 156 forgets to close a tab that begins to go elsewhere at this moment, and Playwright waits for good.
        """
        for page in self.context.pages:
            for _ in range(5):
                try:
                    page.goto("about:blank")
                    break
                except Error as error:
                    if "interrupted by another navigation" not in str(error):
                        raise
        self.context.close()

    def report(self) -> str:
        """Return what this person's tabs show and what they have asked for lately: for who reads why a test has failed."""
        lines = [f"== {self.name}", *self.asked]
        for page in self.context.pages:
            try:
                lines += [f"-- {page.url}", page.locator("#main").inner_text(timeout=2_000)[:2_000]]
            except Error as error:
                lines.append(f"(not to be read: {error})")
        return "\n".join(lines)

    def sign_in(self) -> Person:
        """Log in on the log-in page, by keyboard."""
        log_in(self.page, self.clinic, self.name)
        return self

    def open(self, thread: str, page: Page | None = None) -> Page:
        """Open a demonstration thread by its name."""
        page = page or self.page
        page.goto(self.clinic.ready["web"] + self.clinic.ready["threads"][thread]["url"])
        return page

    def write(self, text: str, page: Page | None = None) -> None:
        """Type a text into the composer and press Enter."""
        page = page or self.page
        page.fill("#body", text)
        page.press("#body", "Enter")

    def sees(self, text: str, page: Page | None = None, seconds: float = 30.0) -> Locator:
        """Wait until the log shows a message with `text`, sent and stored; returns the newest."""
        message = (page or self.page).locator("#log [data-uid]", has_text=text).last
        message.wait_for(timeout=seconds * 1000)
        return message

    def live(self, page: Page | None = None) -> Page:
        """Wait until the page says that it is live."""
        page = page or self.page
        page.locator("#pulse").wait_for(state="visible", timeout=30_000)
        return page


def log_in(page: Page, clinic: RunningClinic, name: str) -> None:
    """Log somebody in in a tab, from the log-in page, by keyboard."""
    account = clinic.ready["accounts"][name]
    page.goto(f"{clinic.ready['web']}/login")
    page.fill("[name=email]", account["email"])
    page.fill("[name=password]", account["password"])
    page.press("[name=password]", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)


def texts(page: Page) -> list[str]:
    """Return what people have typed, as a page shows it, in order. What the clinic says may lead each reader elsewhere."""
    return page.locator("#log [data-uid][data-kind=text] .body").all_inner_texts()


def axe_problems(page: Page, where: str = "html") -> list[str]:
    """Return what axe finds against WCAG 2.2 AA in a part of the page, one line a fault with the elements."""
    page.evaluate(AXE.read_text() + ";undefined")
    found = page.evaluate("([where, tags]) => axe.run(where, {runOnly: {type: 'tag', values: tags}})", [where, AXE_TAGS])
    return [f"{fault['id']}: {[node['html'][:120] for node in fault['nodes']]}" for fault in found["violations"]]


def misplaced(page: Page) -> list[str]:
    """Return the beginning of what does not fit on the screen, or lies over something else in the header."""
    return page.evaluate(MISPLACED)
