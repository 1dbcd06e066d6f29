"""A status and a claim in rooms and feeds: colleagues' apps hear them, a patient's hear nothing. Source: house rule 13."""

from clinic.status.kinds import STATUS_NS
from tests.support.stage import Stage, played, shown
from tests.xmpp.test_feeds import FEED
from tests.xmpp.test_rooms_archive import ask, page
from tests.xmpp.test_text_commands import types

CANARY = "Canary Discharge"


@played
async def test_a_status_is_told_to_colleagues_apps_and_tabs_and_to_none_of_a_patient(stage: Stage) -> None:
    ana, chen = await stage.joined(stage.ana), await stage.joined(stage.chen)
    tabs = [stage.client(person, "tab") for person in (stage.ana, stage.chen)]
    for tab in tabs:
        tab.sends(f"<presence to='feed-{tab.handle}@{stage.server.domain}'><feed xmlns='{FEED}' thread='{stage.thread}'/></presence>")
        await tab.finds(f"<message><ready xmlns='{FEED}'/></message>")
    for client in (ana, chen, *tabs):
        await client.everything()
    status = stage.db.perform(stage.cast.dina, "status.create", name=CANARY, colour="red").value
    set_, claimed = [
        stage.db.perform(stage.boris.actor, action, stage.thread, **values).entries[0].uid
        for action, values in (("thread.set_status", {"status": status}), ("thread.claim", {}))
    ]
    heard = await chen.finds(f"<message from='{stage.room}/Boris Brandt'><stanza-id xmlns='urn:xmpp:sid:0' id='{set_}'/></message>")
    assert f"Boris Brandt set the status to “{CANARY}”." in shown(heard)
    child = heard.find(f"{{{STATUS_NS}}}status")
    assert child is not None and (child.text, child.get("id"), child.get("colour")) == (CANARY, status, "red")
    await chen.finds(f"<message><stanza-id xmlns='urn:xmpp:sid:0' id='{claimed}'/></message>")
    for uid in (set_, claimed):
        await tabs[1].finds(f"<message><news xmlns='{FEED}' thread='{stage.thread}' uid='{uid}'/></message>")
    chen.sends(f"<message to='{stage.room}' type='groupchat' id='d'><displayed xmlns='urn:xmpp:chat-markers:0' id='{set_}'/></message>")
    await chen.everything()
    uid = stage.writes(stage.boris, "to all", "c1")
    await chen.finds(f"<message><stanza-id xmlns='urn:xmpp:sid:0' id='{uid}'/></message>")
    news = [one for client in (ana, tabs[0]) for one in await client.everything()]
    assert len(news) == 2 and CANARY not in "".join(shown(one) for one in news)  # the text, and that there is one
    results, end = await ask(stage, ana, page(max="100"))
    assert CANARY not in "".join(shown(one) for one in [*results, end]) and set_ not in "".join(shown(one) for one in results)
    results, _end = await ask(stage, chen, page(max="100"))
    assert CANARY in "".join(shown(one) for one in results)


@played
async def test_apps_set_the_status_and_claim_by_typing_it(stage: Stage) -> None:
    boris = await stage.joined(stage.boris)
    await boris.everything()
    stage.db.perform(stage.cast.dina, "status.add_examples")
    assert "Intake form received, Onboarding in progress or Patient discharged" in await types(stage, boris, "!status")
    for typed, child in (("onboarding", "Onboarding in progress"), ("no status", None)):
        assert await types(stage, boris, f"!status {typed}") == "The status is changed."
        results, _end = await ask(stage, boris, page(max="1", before=""))
        said = results[-1].find(f".//{{{STATUS_NS}}}status")
        assert said is not None and said.text == child
    assert await types(stage, boris, "!claim") == "Your colleagues see that you answer here."


@played
async def test_apps_post_a_saved_reply_by_its_title_and_get_one_that_is_not_complete_back(stage: Stage) -> None:
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    await boris.everything()
    await ana.everything()
    stage.db.perform(stage.boris.actor, "saved_reply.add_examples")
    stage.db.perform(stage.boris.actor, "saved_reply.create", title="Case", body="Your case is [CASE NUMBER], [PATIENT NAME].")
    told = await types(stage, boris, "!reply case")
    assert "complete [CASE NUMBER] first" in told and "Your case is [CASE NUMBER], Ana Alvarez." in told
    assert await ana.everything() == []
    assert await types(stage, boris, "!reply welcome") == "Posted."
    text = "Hi Ana Alvarez, please share any relevant documentation prior to the consultation."
    await ana.finds(f"<message from='{stage.room}/Boris Brandt'><body>{text}</body></message>")
