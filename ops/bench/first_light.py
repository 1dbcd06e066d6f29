"""`bedside bench first-light`: what a page's post, live delivery and an XMPP client's message take while others write.

Prints one JSON line a figure. Bounded in time; everything runs on this machine, so the generator's own share is told too.
"""

import asyncio
import json
import time
from contextlib import AsyncExitStack, suppress
from math import ceil
from pathlib import Path
from xml.etree.ElementTree import Element

import click

from ops.bench.clients import FEED, PageClient, XmppClient
from ops.bench.clinic import BenchClinic, bench_clinic
from ops.bench.people import Writer

PAIRS = 8
LONGEST_SECONDS, DRAIN_SECONDS = 30.0, 8.0
TURN_SECONDS = 0.005
FILLER = " How are you today? I have taken the tablets as you said, twice a day, and sleep a little better."
STANZA_ID = "{urn:xmpp:sid:0}stanza-id"
BODY = "{jabber:client}body"


class Measurement:
    """One run. Times are seconds of one steady clock."""

    def __init__(self, clinic: BenchClinic, seconds: float, rate: float, posts: int) -> None:
        self.clinic, self.seconds, self.rate, self.posts = clinic, seconds, rate, posts
        self.thread = clinic.ready["threads"]["ana-boris"]
        self.sent: dict[str, float] = {}
        self.reflected: dict[str, list[float]] = {}
        self.refused = 0
        self.answered: list[float] = []
        self.posted: dict[str, float] = {}
        self.told: dict[str, float] = {}
        self.received: dict[str, float] = {}
        self.shown: dict[str, float] = {}
        self.news = asyncio.Event()
        self.figures: list[tuple[str, float, str]] = []

    async def run(self) -> list[tuple[str, float, str]]:
        """Returns the figures as (name, value, unit)."""
        writers = await asyncio.to_thread(self.clinic.people, PAIRS)
        async with AsyncExitStack() as stack:
            clients = [await self._writer(stack, one) for one in writers]
            poster, watcher = await self._page("ana"), await self._page("boris")
            await self._watch(stack, watcher)
            fetching = asyncio.create_task(self._fetch(watcher))
            used, own, start = self.clinic.cpu_seconds(), time.process_time(), time.perf_counter()
            await asyncio.gather(self._write(clients, writers), self._post(poster))
            took = time.perf_counter() - start
            share = (time.process_time() - own) / took
            cpu = {name: (after - used.get(name, 0.0)) / took for name, after in self.clinic.cpu_seconds().items()}
            await self._drain()
            fetching.cancel()
            with suppress(asyncio.CancelledError):  # but not what ended it before
                await fetching
        self._count(took)
        self._count_machine(cpu, share)
        return self.figures

    # --- the people

    async def _client(self, stack: AsyncExitStack, user: str, secret: str, resource: str) -> XmppClient:
        ready = self.clinic.ready
        client = XmppClient(ready["xmpp"]["direct_tls_port"], Path(ready["ca"]), ready["domain"])
        stack.push_async_callback(client.close)
        return await client.log_in(user, secret, resource)

    async def _writer(self, stack: AsyncExitStack, writer: Writer) -> XmppClient:
        client = await self._client(stack, writer.user, writer.secret, "bench")
        await client.join(writer.room, writer.nick)
        client.heard = self._reflection
        return client

    async def _page(self, name: str) -> PageClient:
        account = self.clinic.ready["accounts"][name]
        port = int(self.clinic.ready["web"].rpartition(":")[2])
        return await asyncio.to_thread(PageClient, port, account["email"], account["password"])

    async def _watch(self, stack: AsyncExitStack, page: PageClient) -> None:
        """Boris has the thread open in a tab and in an XMPP client."""
        ticket = await asyncio.to_thread(page.post, "/feed/token")
        tab = await self._client(stack, ticket["jid"].partition("@")[0], ticket["token"], "page-bench")
        await tab.watch(ticket["feed"], self.thread["uid"])
        tab.heard = self._news
        account = self.clinic.ready["accounts"]["boris"]
        client = await self._client(stack, account["jid"].partition("@")[0], account["device_password"], "bench")
        await client.join(self.thread["room"], "Boris Brandt")
        client.heard = self._groupchat

    # --- what they hear

    def _reflection(self, stanza: Element, now: float) -> None:
        if stanza.get("type") == "error":
            self.refused += 1
        elif (body := stanza.findtext(BODY)) is not None:
            self.reflected.setdefault(body.partition(" ")[0], []).append(now)

    def _news(self, stanza: Element, now: float) -> None:
        news = stanza.find(f"{{{FEED}}}news")
        if news is not None and news.get("thread") == self.thread["uid"]:  # the relay may still be telling of the other threads of the demonstration
            self.told.setdefault(news.get("uid", ""), now)
            self.news.set()

    def _groupchat(self, stanza: Element, now: float) -> None:
        archived = stanza.find(STANZA_ID)
        if archived is not None and stanza.find(BODY) is not None:
            self.received.setdefault(archived.get("id", ""), now)

    # --- what they do

    async def _write(self, clients: list[XmppClient], writers: list[Writer]) -> None:
        start, number = time.perf_counter(), 0
        while (passed := time.perf_counter() - start) < self.seconds:
            while number < passed * self.rate:
                which = number % len(clients)
                self.sent[f"bench-{number}"] = time.perf_counter()
                clients[which].send(
                    f"<message to='{writers[which].room}' type='groupchat' id='bench-{number}'><body>bench-{number}{FILLER}</body>"
                    f"<origin-id xmlns='urn:xmpp:sid:0' id='bench-{number}'/></message>"
                )
                number += 1
            await asyncio.sleep(TURN_SECONDS)

    async def _post(self, page: PageClient) -> None:
        start = time.perf_counter()
        for number in range(self.posts):
            due = start + number * self.seconds / self.posts
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if time.perf_counter() - start > self.seconds:
                return
            began, answer, ended = await asyncio.to_thread(self._post_one, page, f"page-{number}")
            self.answered.append(ended - began)
            self.posted[answer["entry"]] = began

    def _post_one(self, page: PageClient, client_id: str) -> tuple[float, dict[str, str], float]:
        began = time.perf_counter()
        answer = page.post(f"/actions/text.post/{self.thread['uid']}", body=client_id + FILLER, client_id=client_id)
        return began, answer, time.perf_counter()

    async def _fetch(self, page: PageClient) -> None:
        """Fetches what is new when told so, one request in flight, as the page does."""
        last: str | None = None
        while True:
            await self.news.wait()
            self.news.clear()
            last = last or next(iter(self.told))
            for uid in await asyncio.to_thread(page.entries_after, self.thread["uid"], last):
                self.shown[uid] = time.perf_counter()
                last = uid

    async def _drain(self) -> None:
        """Waits for what is still on its way, no longer than a bound; what is then missing shows in the counts."""
        end = time.perf_counter() + DRAIN_SECONDS
        while time.perf_counter() < end and not (len(self._whole()) + self.refused >= len(self.sent) and set(self.posted) <= set(self.received)):
            await asyncio.sleep(0.05)

    # --- figures

    def _whole(self) -> list[str]:
        """Returns the messages that both people of their thread have received."""
        return [one for one, times in self.reflected.items() if len(times) >= 2]

    def _count(self, took: float) -> None:
        self._quantiles("page_post", self.answered)
        for name, heard in (("page_post_to_feed_news", self.told), ("page_post_to_xmpp_message", self.received), ("page_post_to_other_page", self.shown)):
            self._quantiles(name, [heard[uid] - began for uid, began in self.posted.items() if uid in heard])
        self._quantiles("xmpp_message_to_last_reflection", [max(self.reflected[one]) - self.sent[one] for one in self._whole()])
        self._say("page_posts", len(self.posted), "1")
        self._say("page_posts_not_heard_by_feed", len(set(self.posted) - set(self.told)), "1")
        self._say("xmpp_messages", len(self.sent), "1")
        self._say("xmpp_rate", len(self.sent) / took, "1/s")
        self._say("xmpp_refused", self.refused, "1")
        self._say("xmpp_not_reflected", len(self.sent) - len(self._whole()), "1")

    def _count_machine(self, cpu: dict[str, float], share: float) -> None:
        for name, size in sorted(self.clinic.memory_bytes().items()):
            self._say(f"memory_{name}", size / 1e6, "MB")
        for name, used in sorted(cpu.items()):
            self._say(f"cpu_{name}", used, "cores")
        self._say("cpu_generator", share, "cores")

    def _quantiles(self, name: str, seconds: list[float]) -> None:
        ordered = sorted(seconds)
        for quantile in (50, 99):
            if ordered:
                self._say(f"{name}_p{quantile}", ordered[ceil(len(ordered) * quantile / 100) - 1] * 1000, "ms")

    def _say(self, name: str, value: float, unit: str) -> None:
        self.figures.append((name, round(value, 2), unit))


@click.command("first-light")
@click.option("--seconds", type=click.FloatRange(1, LONGEST_SECONDS), default=20, show_default=True, help="How long people write.")
@click.option("--rate", type=click.FloatRange(1, 2000), default=200, show_default=True, help="Messages a second by XMPP, in all.")
@click.option("--posts", type=click.IntRange(1, 5000), default=200, show_default=True, help="Posts of one page, in all.")
def command(seconds: float, rate: float, posts: int) -> None:
    """What a page's post, live delivery and an XMPP client's message take while others write."""
    with bench_clinic() as clinic:
        for name, value, unit in asyncio.run(Measurement(clinic, seconds, rate, posts).run()):
            click.echo(json.dumps({"name": name, "value": value, "unit": unit}))
