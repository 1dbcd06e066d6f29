"""Whatever is offered, to whomever: as an ad-hoc command, and as a word, and to nobody else. Source: XEP-0050, house rule 15."""

from tests.support.every_offer import ABOUT_SOMEBODY, AT_LARGE, IN_A_THREAD, OFFERED, Scene, expected
from tests.support.stage import Client, Stage, played, shown
from xmpp_components.commands import NOT_OFFERED

COMMANDS, ITEMS, DATA = "http://jabber.org/protocol/commands", "http://jabber.org/protocol/disco#items", "jabber:x:data"
WORDS = {name: spec.offer.word for name, spec in OFFERED.items()}


async def listed(client: Client, to: str) -> set[str] | None:
    client.sends(f"<iq type='get' id='n' to='{to}'><query xmlns='{ITEMS}' node='{COMMANDS}'/></iq>")
    got = await client.finds("<iq id='n'/>")
    return {item.get("node", "") for item in got[0]} if got.get("type") == "result" else None


async def begins(client: Client, to: str, word: str):
    client.sends(f"<iq type='set' id='b' to='{to}'><command xmlns='{COMMANDS}' node='{word}' action='execute'/></iq>")
    return await client.finds("<iq id='b'/>")


@played
async def test_each_member_finds_what_the_table_allows_them_there_now(stage: Stage) -> None:
    scene = Scene.of(stage.cast, stage.thread)
    for person, name in ((stage.ana, "ana"), (stage.boris, "boris"), (stage.chen, "chen"), (stage.eve, "eve")):
        client = stage.client(person)
        for thread in scene.threads:
            found = await listed(client, f"{thread}@{stage.server.domain}")
            if name not in scene.members(thread):
                assert found is None
                continue
            assert found == {WORDS[action] for action in expected(scene, thread, name, person.actor)}, name
        at_large = await listed(client, stage.server.domain)
        assert at_large is not None and at_large <= {WORDS[action] for action in AT_LARGE}


@played
async def test_what_is_offered_begins_with_its_form_and_is_cancelled_and_what_is_not_is_not_there(stage: Stage) -> None:
    scene = Scene.of(stage.cast, stage.thread)
    for person, name in ((stage.ana, "ana"), (stage.boris, "boris"), (stage.chen, "chen"), (stage.eve, "eve")):
        client = stage.client(person)
        for thread in scene.threads:
            room = f"{thread}@{stage.server.domain}"
            allowed = expected(scene, thread, name, person.actor) if name in scene.members(thread) else set()
            for action in IN_A_THREAD:
                asked = [field for field in OFFERED[action].fields if field.label]
                if action in allowed and not asked and not OFFERED[action].offer.grave:
                    continue  # it would be done at once
                answer = await begins(client, room, WORDS[action])
                if action not in allowed:
                    assert answer.get("type") == "error" and answer.find(".//{*}item-not-found") is not None, shown(answer)
                    continue
                if action in ABOUT_SOMEBODY:  # what it asks first is told in test_profile_commands.py
                    assert NOT_OFFERED not in shown(answer)
                    continue
                assert answer[0].get("status") == "executing", shown(answer)
                form = answer[0].find(f"{{{DATA}}}x")
                wanted = {field.name for field in asked if field.required}
                assert wanted <= {field.get("var") for field in form.findall(f"{{{DATA}}}field")}
                client.sends(f"<iq type='set' id='x' to='{room}'><command xmlns='{COMMANDS}' node='{WORDS[action]}' action='cancel' "
                             f"sessionid='{answer[0].get('sessionid')}'/></iq>")
                await client.finds(f"<iq id='x' type='result'><command xmlns='{COMMANDS}' status='canceled'/></iq>")


@played
async def test_help_names_the_words_of_what_one_may_do_and_no_others(stage: Stage) -> None:
    for person, name in ((stage.ana, "ana"), (stage.boris, "boris"), (stage.chen, "chen")):
        client = await stage.joined(person)
        stage.says(client, "!help", "h")
        said = (await client.finds(f"<message from='{stage.room}/Clinic'><no-store xmlns='urn:xmpp:hints'/></message>")).findtext("{*}body")
        words = {line.split()[0][1:] for line in said.split("\n")[1:-1]}
        scene = Scene(stage.cast, stage.thread, "")
        wanted = {WORDS[action] for action in expected(scene, stage.thread, name, person.actor)}
        assert words - {WORDS[action] for action in AT_LARGE} == wanted


@played
async def test_what_asks_something_of_a_person_carries_the_link_where_they_confirm_it(stage: Stage) -> None:
    people = [stage.ana.uid, stage.cast.uid("bella")]
    group = stage.db.perform(stage.boris.actor, "group.create", title="Knee class", people=people).value
    stage.room = f"{group}@{stage.server.domain}"
    boris, ana = await stage.joined(stage.boris), await stage.joined(stage.ana)
    link = stage.db.perform(stage.boris.actor, "group.share", group).value
    stage.db.perform(stage.eve.actor, "group.ask", token=link.token)
    said = (await boris.finds("<message><notice xmlns='urn:bedside:notice:1' code='asks-in'/></message>")).findtext("{*}body")
    assert said.endswith(f"\nThe group admin lets them in here: http://clinic.example/do/group.admit/{group}")
    assert all("group.admit" not in shown(one) for one in await ana.everything())  # staff's alone
