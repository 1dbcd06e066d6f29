"""Slots for files, as protocol: what the service says of itself, where bytes are put, how it refuses. Source: XEP-0363."""

from urllib.parse import unquote

from clinic.file import links
from tests.support import paying
from tests.support.app_files import KEY, OOB, SFS, UPLOAD, asks, oob, opened, sends, slot, uploaded
from tests.support.rooms import archived, refusal
from tests.support.stage import Stage, played


@played
async def test_the_service_says_that_it_takes_files_and_how_large(stage: Stage) -> None:
    ana = stage.client(stage.ana)
    ana.sends(f"<iq type='get' id='i' to='{stage.server.domain}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    await ana.finds(f"<iq id='i'><query xmlns='http://jabber.org/protocol/disco#info'><feature var='{UPLOAD}'/><x xmlns='jabber:x:data' type='result'>"
                    f"<field var='FORM_TYPE' type='hidden'><value>{UPLOAD}</value></field>"
                    "<field var='max-file-size'><value>200000000</value></field></x></query></iq>")


@played
async def test_a_slot_is_a_place_to_put_bytes_and_its_senders_own_link(stage: Stage) -> None:
    ana = stage.client(stage.ana)
    uid, put, get = await slot(stage, ana, filename="../my knee.jpg")
    assert put == f"https://clinic.example/slots/{uid}/{links.slot_mac(KEY, uid)}/my%20knee.jpg"
    assert (opened(get).file, opened(get).recipient) == (uid, stage.ana.uid)
    assert (await slot(stage, ana))[0] != uid


@played
async def test_a_slot_is_refused_as_apps_understand_it_and_in_words(stage: Stage) -> None:
    ana = stage.client(stage.ana)
    asks(stage, ana, "large", size="200000001")
    answer = await ana.finds(f"<iq type='error' id='large'>{refusal('not-acceptable')}</iq>")
    assert answer.find(f".//{{{UPLOAD}}}file-too-large/{{{UPLOAD}}}max-file-size").text == "200000000"
    for size in ("0", "-1", "x", ""):
        asks(stage, ana, f"size{size}", size=size)
        await ana.finds(f"<iq type='error' id='size{size}'>{refusal('bad-request')}</iq>")
    for number in range(50):
        asks(stage, ana, f"s{number}")
        await ana.finds(f"<iq type='result' id='s{number}'/>")
    asks(stage, ana, "many")
    answer = await ana.finds(f"<iq type='error' id='many'>{refusal('resource-constraint')}</iq>")
    assert answer.find(f".//{{{UPLOAD}}}retry").get("stamp") and answer.find("{*}error").get("type") == "wait"


@played
async def test_whom_the_clinic_holds_back_gets_no_slot_and_reads_why(stage: Stage) -> None:
    ana = stage.client(stage.ana)
    paying.ask(stage.cast, "boris", stage.thread, paying.service(stage.cast))
    asks(stage, ana, "held")
    answer = await ana.finds(f"<iq type='error' id='held'>{refusal('not-allowed')}</iq>")
    assert "/do/payment." in "".join(answer.itertext())


@played
async def test_whatever_an_app_asks_or_sends_it_gets_one_answer_and_the_thread_goes_on(stage: Stage) -> None:
    ana, boris = await stage.joined(stage.ana), await stage.joined(stage.boris)
    _uid, get = await uploaded(stage, ana)
    requests = ("<request xmlns='{0}'/>", "<request xmlns='{0}' filename='a'/>", "<request xmlns='{0}' size='1'/>",
                "<request xmlns='{0}' filename='' size='1'/>",
                "<request xmlns='{0}' filename='a' size='1e3'/>", "<request xmlns='{0}' filename='a' size='&#x662;'/>",
                f"<request xmlns='{{0}}' filename='a' size='{'9' * 40}'/>",
                "<request xmlns='{0}'><filename>a</filename><size>1</size></request>", "<request xmlns='urn:xmpp:http:upload' filename='a' size='1'/>")
    for number, inside in enumerate(requests):
        ana.sends(f"<iq type='get' id='q{number}' to='{stage.server.domain}'>{inside.format(UPLOAD)}</iq>")
        await ana.finds(f"<iq type='error' id='q{number}'><error/></iq>")
    for name, kept in (("&#x202e;gpj.exe", "gpj.exe"), ("n" * 5000, "file"), ("a&#10;b/../c&lt;d", "c_d"), ("\u5927&amp;.png", "\u5927&.png")):
        _uid, put, got = await slot(stage, ana, filename=name, content_type="x" * 3000)
        assert unquote(put.rpartition("/")[2]) == unquote(got.rpartition("/")[2]) == kept
        opened(got)
    many = "".join(oob(f"{get[:-8]}{number}") for number in range(200))
    nested = f"<file-sharing xmlns='{SFS}'>{'<sources>' * 50}{'</sources>' * 50}</file-sharing>"
    backwards = f"<body>x</body><fallback xmlns='urn:xmpp:fallback:0' for='{SFS}'><body start='9' end='1'/></fallback>"
    strange = (oob("x" * 5000), oob(f"{get}/../.."), f"<x xmlns='{OOB}'/>", f"<x xmlns='{OOB}'><url><url>{get}</url></url></x>", nested,
               oob("javascript:alert(1)"), oob(f"https://clinic.example/f/{'z' * 26}/a/b"), backwards + oob(f"https://clinic.example/slots/{'0' * 26}/x"),
               many)
    for number, inside in enumerate(strange):
        ana.sends(f"<message to='{stage.room}' type='groupchat' id='m{number}'>{inside}</message>")
    sends(stage, ana, "last", "still here")
    await boris.finds("<message id='last'><body>still here</body></message>")
    # What only begins like a link of the clinic opens nothing, and is a text.
    assert [body for body in archived(stage) if "javascript" in body or "/f/" in body] == [f"https://clinic.example/f/{'z' * 26}/a/b"]
