"""The page's live feed, as protocol."""

from tests.support.stage import USER, Stage, X, played, shown

FEED = "urn:bedside:feed:1"


def feed(stage: Stage) -> str:
    """Returns Ana's feed address."""
    return f"feed-{stage.ana.handle}@{stage.server.domain}"


def opens(stage: Stage, thread: str | None) -> str:
    """Returns the presence by which Ana's tab registers."""
    attribute = f" thread='{thread}'" if thread else ""
    return f"<presence to='{feed(stage)}'><feed xmlns='{FEED}'{attribute}/></presence>"


@played
async def test_a_tab_hears_that_there_is_news_but_not_what(stage: Stage) -> None:
    tab, boris = stage.client(stage.ana, "tab"), await stage.joined(stage.boris)
    tab.sends(opens(stage, None))
    await tab.receives(f"<message type='headline' from='{feed(stage)}'><ready xmlns='{FEED}'/></message>")
    stage.says(boris, "secret", "m1")
    await boris.finds("<message id='m1'/>")
    news = await tab.finds(f"<message type='headline'><news xmlns='{FEED}' thread='{stage.thread}' uid='*'/></message>")
    assert news.find("{*}body") is None
    uid = stage.writes(stage.boris, "from another page", "c1")
    await tab.finds(f"<message><news xmlns='{FEED}' thread='{stage.thread}' uid='{uid}'/></message>")


@played
async def test_a_tab_hears_of_threads_that_nobody_has_joined_and_of_new_ones(stage: Stage) -> None:
    tab = stage.client(stage.ana, "tab")
    tab.sends(opens(stage, None))
    await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    uid = stage.writes(stage.boris, "hello", "c1")
    await tab.finds(f"<message><news xmlns='{FEED}' thread='{stage.thread}' uid='{uid}'/></message>")
    stage.cast.link("ana", "bella")
    new = stage.cast.start("bella", "ana")
    await tab.finds(f"<message><news xmlns='{FEED}' thread='{new}' uid='*'/></message>")


@played
async def test_a_patients_tab_hears_nothing_of_a_staff_only_entry_though_nobody_had_looked_at_the_thread(stage: Stage) -> None:
    tabs = [stage.client(person, "tab") for person in (stage.ana, stage.boris)]
    for tab in tabs:
        tab.sends(f"<presence to='feed-{tab.handle}@{stage.server.domain}'><feed xmlns='{FEED}'/></presence>")
        await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    patient, staff = tabs
    assert stage.component is not None
    rooms = stage.component.rooms
    stage.writes(stage.boris, "hello", "c0")
    await stage.until(lambda: (room := rooms.known(stage.thread)) is not None and room.remembered == room.known == 3)
    await patient.everything()
    for first_seen in (True, False):
        hidden = stage.cast.note("boris", stage.thread, f"between staff {first_seen}")
        if first_seen:
            rooms._rooms.clear()  # as if there had been no space for it, or the component were new
        await staff.finds(f"<message><news xmlns='{FEED}' thread='{stage.thread}' uid='{hidden}'/></message>")
        assert [shown(one) for one in await patient.everything()] == []
    uid = stage.writes(stage.boris, "to all", "c1")
    await patient.receives(f"<message><news xmlns='{FEED}' thread='{stage.thread}' uid='{uid}'/></message>")


@played
async def test_an_open_thread_shows_its_reader_as_present(stage: Stage) -> None:
    boris, tab = await stage.joined(stage.boris), stage.client(stage.ana, "tab")
    tab.sends(opens(stage, stage.thread))
    await boris.receives(f"<presence from='{stage.room}/Ana Alvarez'><x xmlns='{USER}'><item affiliation='member'/></x></presence>")
    tab.sends(opens(stage, None))
    await boris.receives(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")
    tab.sends(opens(stage, stage.thread))
    await boris.receives(f"<presence from='{stage.room}/Ana Alvarez'/>")
    tab.gone(feed(stage))
    await boris.receives(f"<presence type='unavailable' from='{stage.room}/Ana Alvarez'/>")


@played
async def test_nobody_gets_anybody_elses_feed(stage: Stage) -> None:
    eve = stage.client(stage.eve)
    for address in (feed(stage), f"feed-nobody@{stage.server.domain}"):
        eve.sends(f"<presence id='p' to='{address}'><feed xmlns='{FEED}'/></presence>")
        await eve.receives("<presence type='error' id='p'><error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>")
    own = f"feed-{stage.eve.handle}@{stage.server.domain}"
    eve.sends(f"<presence to='{own}'><feed xmlns='{FEED}' thread='{stage.thread}'/></presence>")
    await eve.receives(f"<message><ready xmlns='{FEED}'/></message>")
    ana = await stage.joined(stage.ana)
    stage.says(ana, "not for Eve", "m1")
    await ana.finds("<message id='m1'/>")
    assert await eve.everything() == []


@played
async def test_typing_passes_between_page_and_clients(stage: Stage) -> None:
    boris, tab = await stage.joined(stage.boris), stage.client(stage.ana, "tab")
    tab.sends(opens(stage, stage.thread))
    await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    tab.sends(f"<message to='{feed(stage)}'><typing xmlns='{FEED}' thread='{stage.thread}' state='composing'/></message>")
    await boris.finds(f"<message from='{stage.room}/Ana Alvarez'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
    boris.sends(f"<message to='{stage.room}' type='groupchat'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>")
    await tab.finds(f"<message><typing xmlns='{FEED}' thread='{stage.thread}' who='Boris Brandt' state='paused'/></message>")


@played
async def test_a_mark_set_in_a_page_is_shown_to_clients_and_tabs(stage: Stage) -> None:
    boris, tab = await stage.joined(stage.boris), stage.client(stage.boris, "tab")
    tab.sends(f"<presence to='feed-{stage.boris.handle}@{stage.server.domain}'><feed xmlns='{FEED}'/></presence>")
    await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    stage.says(boris, "read me", "m1")
    uid = (await boris.finds("<message id='m1'/>")).find("{urn:xmpp:sid:0}stanza-id").get("id")
    await stage.until(lambda: stage.db.perform(stage.ana.actor, "thread.mark", stage.thread, entry=uid, state="read"))
    await boris.finds(f"<message from='{stage.room}/Ana Alvarez'><displayed xmlns='urn:xmpp:chat-markers:0' id='{uid}'/></message>")
    await tab.finds(f"<message><marks xmlns='{FEED}' thread='{stage.thread}'/></message>")


@played
async def test_marks_over_what_a_patient_cannot_see_are_not_told_to_the_patient(stage: Stage) -> None:
    tab, client, boris = stage.client(stage.ana, "tab"), await stage.joined(stage.ana), await stage.joined(stage.boris)
    tab.sends(opens(stage, None))
    await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    own = stage.writes(stage.ana, "how are you", "c1")
    hidden = stage.cast.note("boris", stage.thread, "between staff")
    await boris.finds(f"<message><stanza-id xmlns='urn:xmpp:sid:0' id='{hidden}'/></message>")

    def reads(uid: str) -> None:
        stage.db.perform(stage.chen.actor, "thread.mark", stage.thread, entry=uid, state="read")
    reads(own)
    await tab.finds(f"<message><marks xmlns='{FEED}' thread='{stage.thread}'/></message>")
    await client.finds(f"<message><displayed xmlns='urn:xmpp:chat-markers:0' id='{own}'/></message>")
    await boris.finds(f"<message><displayed xmlns='urn:xmpp:chat-markers:0' id='{own}'/></message>")
    await tab.everything()
    await client.everything()
    reads(hidden)
    await boris.finds(f"<message><displayed xmlns='urn:xmpp:chat-markers:0' id='{hidden}'/></message>")
    assert [shown(one) for one in await tab.everything()] == []
    assert [shown(one) for one in await client.everything()] == []


@played
async def test_a_page_and_a_client_of_one_person_are_one_occupant(stage: Stage) -> None:
    boris, tab = await stage.joined(stage.boris), stage.client(stage.ana, "tab")
    tab.sends(opens(stage, stage.thread))
    await boris.receives(f"<presence from='{stage.room}/Ana Alvarez'/>")
    ana = stage.client(stage.ana)
    ana.sends(f"<presence to='{stage.room}/Ana Alvarez'><x xmlns='{X}'/></presence>")
    await ana.finds(f"<message from='{stage.room}'><subject/></message>")
    assert await boris.everything() == []
