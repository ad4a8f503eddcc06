"""The guide for professionals, row by row, as anybody meets it from outside: from the registration to the appointment. The
rows are numbered as in the guide; test_guide_call.py and test_guide_network.py have the others."""

import asyncio
import json
import re
import ssl

import aiohttp
import pytest
import pytest_asyncio
from harness.clinic import DOCTOR, PASSWORD, SETTINGS, TOOL, Clinic, in_paris, mobile, one_time_code
from harness.server import Server, until
from test_guide_call import a_pdf

HEALTH_WORDS = ["santé", "soin ", "médic", "docteur", "malad", "téléconsult", "patient"]
GSM7 = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)


def units(text: str) -> int:
    """Of a short message in the default alphabet, which has to hold all of it."""
    twice = "^{}\\[~]|€"
    strange = [c for c in text if c not in GSM7 + twice]
    assert not strange, f"{strange} make two messages of {text}"
    return len(text) + sum(c in twice for c in text)


@pytest_asyncio.fixture(scope="module")
async def later():
    """A clinic whose clock may be put forward."""
    server = Server("guide-later", SETTINGS)
    clinic = Clinic(await server.start())
    try:
        yield clinic
    finally:
        await clinic.close()
        await server.close()


async def test_guide_row_01_the_tool_opens_with_the_interest_and_not_without(clinic):
    who = await clinic.professional("sans@cabinet.example", interests=[])
    assert (await who.get("/api/v1/me"))["tool_open"] is False
    typed, _ = mobile()
    refused = await who.post("/api/v1/consultations", {"kind": "immediate", "phone": typed})
    assert refused.refused == (403, "tool-not-opened")
    assert (await who.call("GET", "/api/v1/consultations")).refused == (403, "tool-not-opened")
    await who.did("/api/v1/me/interests", {"interests": [TOOL]}, method="PUT")
    assert (await who.get("/api/v1/me"))["tool_open"] is True
    assert (await clinic.immediate(who, typed))["status"] == "open"


async def test_guide_row_02_two_mails_make_an_account_and_the_link_of_the_first_is_good_once(clinic):
    email = "claire@cabinet.example"
    assert await clinic.confirmed(email) == "pending_approval"
    confirm = await clinic.mail(email, "Confirmez votre adresse")
    token = re.search(r"/inscription/confirmer#([\w-]+)", confirm["text"]).group(1)
    again = await clinic.browser().post("/api/v1/registrations/confirm", {"token": token})
    assert again.status == 404
    early = await clinic.browser().post("/api/v1/auth/password", {"email": email, "password": PASSWORD})
    assert early.refused == (401, "login-failed"), "nobody gets in before the decision"
    assert not await clinic.mails(email, "Votre inscription est validée")
    await clinic.approve(email)
    validated = await clinic.mail(email, "Votre inscription est validée")
    assert "favoris" in validated["text"] and "/connexion" in validated["text"]
    await clinic.log_in(email)


async def proven(clinic, browser, back: str) -> dict:
    ticket = re.search(r"/connexion/identite#([\w-]+)$", back)
    assert ticket, back
    clinic.secrets.append(ticket.group(1))
    done = await browser.did("/api/v1/auth/identity", {"ticket": ticket.group(1)})
    return done | {"ticket": ticket.group(1)}


async def by_psc(clinic, browser, professional: str) -> dict:
    start = await browser.call("GET", "/api/v1/auth/psc/start?purpose=login")
    assert start.status == 303, start.bytes
    async with browser.http.post(
        start.headers["Location"], data={"professional": professional}, allow_redirects=False
    ) as chosen:
        assert chosen.status == 303
        back = chosen.headers["Location"]
    # By the name of the host at which the browser started: its cookie is there.
    back = await browser.call("GET", "/api/v1/auth/psc/callback?" + back.split("?", 1)[1])
    assert back.status == 303, back.bytes
    return await proven(clinic, browser, back.headers["Location"])


async def by_card(clinic, browser, card: str) -> dict:
    folder = f"{clinic.server.data}/cards"
    tls = ssl.create_default_context(cafile=f"{folder}/host-authority.pem")
    tls.load_cert_chain(f"{folder}/card-{card}.pem", f"{folder}/card-{card}.key")
    start = await browser.call("GET", "/api/v1/auth/cps/start?purpose=login")
    assert start.status == 303, start.bytes
    async with aiohttp.ClientSession() as http:
        async with http.get(start.headers["Location"], ssl=tls, allow_redirects=False) as answer:
            assert answer.status == 303
            return await proven(clinic, browser, answer.headers["Location"])


async def test_guide_row_03_the_card_and_pro_sante_connect_log_in_and_a_revoked_card_does_not(clinic, doctor):
    browser = clinic.browser()
    said = await by_psc(clinic, browser, "810101010105")
    assert said["outcome"] == "offer"
    (account,) = [one for one in said["offer"]["accounts"] if one["email"] == DOCTOR]
    body = {"ticket": said["ticket"], "account_id": account["account_id"]}
    assert (await browser.did("/api/v1/auth/identity/attach", body))["outcome"] == "done"
    for log_in, who in [(by_psc, "810101010105"), (by_card, "doctor")]:
        browser = clinic.browser()
        said = await log_in(clinic, browser, who)
        assert (said["outcome"], said["session"]["account_id"]) == ("done", doctor.id), who
        assert (await browser.get("/api/v1/me"))["national_number"] == "10101010105"
    for card in ["doctor-revoked", "doctor-expired", "doctor-other-authority"]:
        browser = clinic.browser()
        with pytest.raises(aiohttp.ClientError):
            await by_card(clinic, browser, card)
        assert (await browser.call("GET", "/api/v1/me")).status == 401


async def test_guide_row_04_password_and_code_log_in_and_five_wrong_tries_close_the_door_for_a_while(later):
    email = "luc@cabinet.example"
    who = await later.professional(email)
    browser = later.browser()
    half = await browser.did("/api/v1/auth/password", {"email": email, "password": PASSWORD})
    browser.csrf = half["csrf_token"]
    assert half["next"] == "second_factor"
    assert (await browser.call("GET", "/api/v1/me")).status == 401, "a password is half a login"
    right = one_time_code(who.totp, later.ahead)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    assert (await browser.post("/api/v1/auth/mfa", {"code": wrong})).status == 401
    assert (await browser.post("/api/v1/auth/mfa", {"code": right})).status == 401, "a code is good once"
    await later.pass_time(31)
    done = await browser.did("/api/v1/auth/mfa", {"code": one_time_code(who.totp, later.ahead)})
    browser.csrf = done["csrf_token"]
    assert (await browser.get("/api/v1/me"))["email"] == email

    thief = later.browser()
    for _ in range(5):
        guess = await thief.post("/api/v1/auth/password", {"email": email, "password": "pas celui-ci du tout"})
        assert guess.refused == (401, "login-failed")
    right = {"email": email, "password": PASSWORD}
    locked = await thief.post("/api/v1/auth/password", right)
    assert locked.status == 429 and int(locked.headers["Retry-After"]) > 60
    assert (await browser.get("/api/v1/me"))["email"] == email, "who is in stays in"
    await later.pass_time(int(locked.headers["Retry-After"]))
    assert (await later.browser().post("/api/v1/auth/password", right)).status == 200


async def test_guide_row_05_the_mail_says_to_keep_the_page_and_which_browser_will_do(clinic):
    email = "marque@cabinet.example"
    await clinic.professional(email)
    text = (await clinic.mail(email, "Votre inscription est validée"))["text"]
    assert "favoris" in text and "Chrome" in text
    page = await clinic.browser().call("GET", re.search(r"https?://\S+/connexion\b", text).group())
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    assert re.search(r'<html[^>]* lang="?fr', page.bytes.decode()), "in French for whoever reads it out"
    assert (await clinic.browser().get("/manifest.webmanifest"))["icons"], "a place on the first screen of a telephone"


async def test_guide_row_06_what_the_patients_device_and_network_can_do_is_kept_for_the_professional(clinic, doctor):
    typed, number = mobile()
    one = await clinic.immediate(doctor, typed)
    guest = await clinic.enter(await clinic.secret(number))
    good = {
        "browser": "Safari 17", "os": "iOS 17", "camera": "ok", "microphone": "ok", "websocket": True, "udp": True,
        "rtt_ms": 40, "up_kbps": 3000, "down_kbps": 9000,
    }  # fmt: skip
    for change, verdict in [
        ({"microphone": "denied"}, "red"),
        ({"up_kbps": 200}, "orange"),
        ({"camera": "absent"}, "orange"),
        ({}, "green"),
    ]:
        await guest.did("/p/v1/device-check", good | change)
        seen = await doctor.get(f"/api/v1/consultations/{one['id']}")
        (patient,) = [who for who in seen["participants"] if who["role"] == "patient"]
        assert patient["device_verdict"] == verdict, change


async def test_guide_row_07_there_are_two_ways_and_each_says_what_it_can(clinic, doctor):
    typed, _ = mobile()
    call = await clinic.immediate(doctor, typed)
    visit = await clinic.dossier(doctor, [{"channel": "sms", "phone": mobile()[0]}])
    assert (call["kind"], call["status"]) == ("immediate", "open")
    assert (visit["kind"], visit["status"]) == ("dossier", "open")
    assert {"upgrade_to_dossier"} == set(call["capabilities"]) - set(visit["capabilities"])
    assert {"form", "report", "export"} & set(call["capabilities"]) == set()


async def test_guide_row_08_a_number_is_enough_for_a_call_at_once(clinic, doctor, people):
    typed, number = mobile()
    one = await clinic.immediate(doctor, typed)
    text = await clinic.text(number)
    assert units(text["text"]) <= 160, "one segment"
    assert "Jeanne" not in text["text"] and not [word for word in HEALTH_WORDS if word in text["text"].lower()]

    async def lights():
        (invitation,) = (await doctor.get(f"/api/v1/consultations/{one['id']}/invitations"))["items"]
        return {name for name, on in invitation["lights"].items() if on}

    async def shine(*wanted):
        async def all_of_them():
            return set(wanted) == await lights()

        await until(f"the lights {wanted}", all_of_them, why=clinic.server.tail)

    await shine("sent", "delivered")
    guest = await clinic.enter(await clinic.secret(number))
    await shine("sent", "delivered", "opened")
    await clinic.agree(guest)
    await guest.did("/p/v1/waiting")
    await shine("sent", "delivered", "opened", "waiting")
    assert (await guest.post("/p/v1/media-token")).refused == (403, "forbidden"), "waiting is not being let in"
    absent = await doctor.post(f"/api/v1/consultations/{one['id']}/participants/{guest.seat}/admit", {})
    assert absent.status == 409, "the professional comes first"
    owner = await clinic.doctor_joins(people, doctor, one["id"])
    await clinic.admit(doctor, one["id"], guest)
    patient = await clinic.guest_joins(people, guest)
    await owner.sees(patient.identity)
    await patient.sees(owner.identity)
    assert await clinic.status(doctor, one["id"]) == "in_progress"


async def test_guide_row_09_without_a_dossier_nothing_that_needs_one_and_with_it_everything(clinic, doctor):
    typed, _ = mobile()
    one = await clinic.immediate(doctor, typed)
    path = f"/api/v1/consultations/{one['id']}"
    needs_dossier = {
        "send_document", "send_prescription", "request_payment", "place_signature", "receive_document_from_patient",
        "form", "report", "export", "billing_sheet",
    }  # fmt: skip
    assert not needs_dossier & set(one["capabilities"])
    draft = {"answers": {"reason": "Toux"}}
    verbs = [
        ("GET", "/form", None),
        ("PUT", "/form", draft),
        ("POST", "/form/validate", None),
        ("GET", "/report", None),
        ("GET", "/report/preview", None),
        ("POST", "/report/addendum", {"text": "Suite"}),
        ("GET", "/documents", None),
        ("POST", "/documents", {"name": "a.pdf", "size": 9, "sha256": "0" * 64, "category": "prescription"}),
        ("POST", "/payment-requests", {"amount_cents": 2500}),
        *[("GET", f"/export?format={format}", None) for format in ["zip", "fhir", "cda", "billing.json"]],
    ]
    for verb, what, body in verbs:
        refused = await doctor.call(verb, path + what, body)
        assert refused.refused == (403, "capability-not-available"), (verb, what, refused.bytes)
    patient = {"birth_name": "DURAND", "first_names": ["Paul"], "birth_date": "1950-01-01", "sex": "M"}
    upgraded = await doctor.did(f"{path}/upgrade", {"patient": patient})
    assert upgraded["kind"] == "dossier"
    assert {"form", "send_document", "send_prescription"} <= set(upgraded["capabilities"])
    assert (await doctor.get(f"{path}/form"))["missing"] == ["reason", "conclusion"]
    saved = await doctor.call("PUT", f"{path}/form", draft)
    assert saved.status == 200, saved.bytes
    sent = await clinic.hand_over(doctor, f"{path}/documents", "Ordonnance.pdf", a_pdf(), "prescription")
    assert sent.status == 200, sent.bytes


async def test_guide_row_10_a_dossier_wants_an_identity_and_a_way_to_reach_the_patient(clinic, doctor):
    patient = {"birth_name": "PETIT", "first_names": ["Lise"], "birth_date": "1960-05-05", "sex": "F"}
    whole = {"kind": "dossier", "now": True, "patient": patient}
    typed, number = mobile()
    nobody = await doctor.post("/api/v1/consultations", whole)
    assert nobody.status == 422 and "contacts" in nobody.json["errors"][0]["pointer"], nobody.bytes
    contacts = [{"channel": "email", "email": "lise@maison.example"}, {"channel": "sms", "phone": typed}]
    for missing in patient:
        less = {name: value for name, value in patient.items() if name != missing}
        refused = await doctor.post("/api/v1/consultations", whole | {"patient": less, "contacts": contacts})
        assert refused.status == 422, missing
        assert [one["pointer"] for one in refused.json["errors"]] == [f"/patient/{missing}"]
    one = await doctor.did("/api/v1/consultations", whole | {"contacts": contacts})
    assert {invitation["channel"] for invitation in one["invitations"]} == {"email", "sms"}
    assert len({invitation["participant_id"] for invitation in one["invitations"]}) == 1, "one patient, two messages"
    assert await clinic.secret("lise@maison.example") != await clinic.secret(number)


async def test_guide_row_11_the_place_that_agreed_the_slot_gets_the_mail(clinic, doctor):
    home = {"name": "MSP des Marais", "kind": "mss", "email": "accueil@marais.example"}
    facility = await doctor.did("/api/v1/facilities", home)
    contact = {"recipient": "facility", "channel": "email", "email": home["email"], "name": "Accueil des Marais"}
    await clinic.dossier(
        doctor, [contact], facility_id=facility["id"], slot={"start": in_paris(3 * 24 * 60), "duration_minutes": 30}
    )
    mail = await clinic.mail(home["email"], "Rendez-vous")
    assert "dans votre établissement" in mail["text"] and "DUPONT" not in json.dumps(mail)
    assert mail["calendar_method"] == "REQUEST"


async def test_guide_row_12_now_means_now(clinic, doctor):
    typed, number = mobile()
    one = await clinic.dossier(doctor, [{"channel": "sms", "phone": typed}])
    assert one["status"] == "open"
    assert (await clinic.look(await clinic.secret(number)))["state"] == "open"
    guest = await clinic.waits(await clinic.secret(number))
    assert (await guest.get("/p/v1/session"))["guest"]["next"] == "waiting"


async def test_guide_row_13_by_mail_or_by_short_message_as_was_chosen(clinic, doctor):
    slot = {"start": in_paris(26 * 60), "duration_minutes": 20}
    typed, number = mobile()
    await clinic.dossier(doctor, [{"channel": "email", "email": "anne@maison.example"}], slot=slot)
    await clinic.dossier(doctor, [{"channel": "sms", "phone": typed}], slot=slot)
    mail, text = await clinic.mail("anne@maison.example"), await clinic.text(number)
    assert "ordinateur, une tablette" in mail["text"] and mail["calendar_method"] == "REQUEST"
    assert units(text["text"]) <= 160 and not [word for word in HEALTH_WORDS if word in text["text"].lower()]
    for said in [mail["subject"], mail["text"], mail["html"], mail["calendar"], text["text"]]:
        assert "DUPONT" not in said and "Odette" not in said
    assert len(await clinic.mails("anne@maison.example")) == 1 and len(await clinic.texts(number)) == 1


async def test_guide_row_14_a_link_is_good_in_its_window_only(later):
    doctor = await later.professional("horloge@cabinet.example")

    async def with_slot(minutes: float):
        typed, number = mobile()
        slot = {"start": in_paris(minutes, later.ahead), "duration_minutes": 20}
        one = await later.dossier(doctor, [{"channel": "sms", "phone": typed}], slot=slot)
        return one, await later.secret(number)

    async def status(one):
        return await later.status(doctor, one["id"])

    one, secret = await with_slot(11)
    _, another = await with_slot(11)
    moved, kept = await with_slot(11)
    refused = await later.try_link(secret)
    assert refused.refused == (403, "link-too-early")
    assert refused.json["opens_at"] == one["window"]["opens_at"]
    assert (await later.look(secret))["state"] == "too_early" and await status(one) == "scheduled"

    await later.pass_time(2 * 60)
    assert (await later.look(secret))["state"] == "open", "nine minutes before"

    async def opened():
        return await status(one) == "open"

    await until("the consultation opens by the clock alone", opened, why=later.server.tail)
    guest = await later.waits(secret)

    # Moved to later with nobody let in: the same link, another hour.
    waiting = await later.waits(kept)
    slot = {"start": in_paris(120, later.ahead), "duration_minutes": 20}
    await doctor.did(f"/api/v1/consultations/{moved['id']}", {"slot": slot}, method="PATCH")
    look = await later.look(kept)
    assert (look["state"], look["moved"]) == ("too_early", True)
    assert (await waiting.post("/p/v1/waiting")).status in (401, 403)

    await later.pass_time((9 + 20 + 14) * 60)
    look = await later.look(another)
    assert look["state"] == "open" and look["now"] > look["ends_at"], "fourteen minutes after the end"
    await later.waits(another)

    await later.pass_time(2 * 60)
    assert (await later.look(another))["state"] == "over", "sixteen minutes after the end"
    for link in (secret, another):
        assert (await later.try_link(link)).refused == (410, "link-expired")
    assert (await guest.post("/p/v1/waiting")).status in (401, 410)

    async def missed():
        return await status(one) == "no_show"

    await until("nobody was let in, and that is said", missed, why=later.server.tail)

    cancelled, secret = await with_slot(5)
    await doctor.did(f"/api/v1/consultations/{cancelled['id']}/cancel", {"reason": "grippe"})
    assert (await later.look(secret))["state"] == "cancelled"
    assert (await later.try_link(secret)).refused == (410, "link-revoked")


async def test_guide_row_15_the_list_shows_first_what_is_now_and_a_light_when_the_patient_waits(clinic):
    doctor = await clinic.professional("liste@cabinet.example")
    typed, number = mobile()
    contact = [{"channel": "email", "email": "x@maison.example"}]
    later = await clinic.dossier(doctor, contact, slot={"start": in_paris(180), "duration_minutes": 20})
    soon = await clinic.dossier(doctor, contact, slot={"start": in_paris(60), "duration_minutes": 20})
    now = await clinic.dossier(doctor, [{"channel": "sms", "phone": typed}])

    async def listed():
        return (await doctor.get("/api/v1/consultations"))["items"]

    assert [one["id"] for one in await listed()] == [now["id"], soon["id"], later["id"]]
    assert (await listed())[0]["waiting"] == 0
    secret = await clinic.secret(number)
    guest = await clinic.enter(secret)
    await clinic.agree(guest)
    async with doctor.http.get(f"{clinic.server.http}/api/v1/consultations/events") as hints:
        assert hints.status == 200

        async def hint_about(id: str):
            async for line in hints.content:
                if line.startswith(b"data:") and id.encode() in line:
                    return json.loads(line[5:])

        hint = asyncio.create_task(hint_about(now["id"]))
        await guest.did("/p/v1/waiting")
        assert (await asyncio.wait_for(hint, 10))["consultation_id"] == now["id"]
    assert (await listed())[0]["waiting"] == 1
