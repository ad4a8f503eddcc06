"""One whole journey with names, numbers and secrets that stand out: none of them is in logs, metrics, the audit trail's
proof, addresses that were asked for, or in clear on the disk."""

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import aiohttp
import pytest_asyncio
from harness.clinic import PASSWORD, SETTINGS, Clinic, rpps
from harness.media import Picture
from harness.people import Person
from harness.server import Server
from test_clinic_kill import verified
from test_guide import by_psc
from test_guide_call import a_pdf, a_picture

NAMES = [
    "Quatrebarbes", "Zephyrine", "Ouessantine", "Xanthippe", "Mirabelline", "Kergoustan", "Hippocampes", "Tournebride",
    "zibeline", "goguenardise", "calembredaine",
]  # fmt: skip
DOCTOR_EMAIL, PATIENT_EMAIL = "zephyrine@quatrebarbes.example", "xanthippe@ouessantine.example"
PATIENT_PHONE, NURSE_PHONE, CALLBACK, IMMEDIATE = "0678451290", "0667129845", "0671920384", "0659384712"
NIR = "2840588321025"
# Of whom Pro Santé Connect proves it.
IDENTIFIER = "810101010105"
ORIGIN = "https://portail.example"
RPPS = rpps(1_087_654_321)


@pytest_asyncio.fixture
async def clinic():
    # Everything that the server can say.
    server = Server("clinic-logs", SETTINGS | {"CHEVET_LOGGING__LEVEL": "trace"})
    clinic = Clinic(await server.start())
    try:
        yield clinic
    finally:
        await clinic.close()
        await server.close()


async def journey(clinic: Clinic) -> None:
    made: list[Person] = []

    def people(*args):
        made.append(Person(*args))
        return made[-1]

    doctor = await clinic.professional(
        DOCTOR_EMAIL, number=RPPS, first_name="Zephyrine", exercise_name="Quatrebarbes",
        practice={"address": "3 quai Kergoustan", "phone": "0240112233"},
    )  # fmt: skip
    contact = [
        {"channel": "sms", "phone": PATIENT_PHONE},
        {"channel": "email", "email": PATIENT_EMAIL},
    ]
    patient = {
        "birth_name": "Ouessantine", "first_names": ["Xanthippe"], "birth_date": "1984-05-17", "sex": "F",
        "nir": NIR + "32", "address": "12 rue des Hippocampes", "attending_physician": "Dr Tournebride",
    }  # fmt: skip
    nurse = {
        "role": "bedside_professional", "name": "Mirabelline Kergoustan", "profession_code": "60",
        "channel": "sms", "phone": NURSE_PHONE,
    }  # fmt: skip
    one = await clinic.dossier(doctor, contact, patient=patient, participants=[nurse], identity_check="first_letters")
    path = f"/api/v1/consultations/{one['id']}"
    await clinic.secret(PATIENT_EMAIL)
    owner = await clinic.doctor_joins(people, doctor, one["id"])
    guest = await clinic.enter(await clinic.secret("+33" + PATIENT_PHONE[1:]))
    assert (await guest.post("/p/v1/identity", {"answer": "XYZ"})).status == 401
    await guest.did("/p/v1/identity", {"answer": "oue"})
    await guest.did("/p/v1/location", {"place": "12 rue des Hippocampes", "callback": CALLBACK})
    await clinic.agree(guest)
    await guest.did("/p/v1/waiting")
    helper = await clinic.waits(await clinic.secret("+33" + NURSE_PHONE[1:]))
    for who in (guest, helper):
        await clinic.admit(doctor, one["id"], who)
        await clinic.guest_joins(people, who)
    picture = await Picture().publish(owner)
    # Files with telling names, both ways, and one that is refused.
    for who, folder in [(doctor, f"{path}/documents"), (guest, "/p/v1/documents")]:
        sent = await clinic.hand_over(who, folder, "Ouessantine Xanthippe zibeline.png", a_picture("PNG"))
        assert (await who.call("GET", f"{folder}/{sent.json['id']}/content?download=true")).status == 200
        assert (await clinic.hand_over(who, folder, "goguenardise.pdf", b"Ouessantine")).status == 415
    assert (await clinic.hand_over(doctor, f"{path}/documents", "zibeline.pdf", a_pdf("Hippocampes"))).status == 200
    # An amount with a telling name, paid.
    await doctor.did("/api/v1/me/payment-activation")
    admin = await clinic.administrator()
    (account,) = (await admin.get("/api/v1/payment-accounts"))["items"]
    at = f"/api/v1/payment-accounts/{account['id']}"
    await admin.did(f"{at}/credentials", {"provider": "emulator"}, "PUT")
    await admin.did(f"{at}/test")
    await admin.did(f"{at}/enable")
    due = await doctor.did(f"{path}/payment-requests", {"amount_cents": 2500, "label": "calembredaine"})
    page = (await guest.did(f"/p/v1/payments/{due['id']}/open"))["url"]
    assert (await guest.post(f"{page}/pay")).status == 303
    assert (await doctor.post(f"{path}/payment-requests/{due['id']}/refresh")).status == 200
    await asyncio.sleep(0.5)
    await picture.stop()
    for person in made:
        await person.leave()
    await doctor.did(f"{path}/end", {})
    answers = {"reason": "zibeline", "conclusion": "goguenardise"}
    await doctor.did(f"{path}/form", {"answers": answers}, method="PUT")
    form = await doctor.call("GET", f"{path}/form")
    assert (await doctor.call("POST", f"{path}/form/validate", None, If_Match=form.etag)).status == 201
    await doctor.did(f"{path}/report/addendum", {"text": "calembredaine"})
    for format in ["zip", "fhir", "cda", "billing.csv", "billing.pdf", "billing.json"]:
        assert (await doctor.call("GET", f"{path}/export?format={format}")).status == 200
    patient_id = one["patient"]["id"]
    assert (await doctor.did(f"/api/v1/patients/{patient_id}/nir"))["nir"].startswith(NIR)
    who = {"birth_name": "Ouessantine", "first_name": "Xanthippe", "birth_date": "1984-05-17"}
    assert (await doctor.did("/api/v1/patients/search", who))["items"]
    # What is wrong is not written down either.
    wrong = {"birth_name": "Ouessantine9", "first_names": ["Xanthippe"], "birth_date": "x", "sex": "F", "nir": NIR}
    await doctor.post("/api/v1/consultations", {"kind": "dossier", "now": True, "patient": wrong, "contacts": contact})
    await doctor.post("/api/v1/consultations", {"kind": "Ouessantine", "phone": IMMEDIATE})
    await doctor.did("/api/v1/consultations", {"kind": "immediate", "phone": IMMEDIATE})
    await clinic.browser().post("/api/v1/auth/password", {"email": DOCTOR_EMAIL, "password": "zibeline zibeline"})
    await clinic.browser().post("/p/v1/links/session", {"secret": clinic.secrets[0]})
    await of_a_portal(clinic, admin, one["id"], doctor.id)
    # Who was proved to be there, and a password that was forgotten.
    assert (await by_psc(clinic, clinic.browser(), IDENTIFIER))["outcome"] == "offer"
    await clinic.browser().post("/api/v1/auth/password/forgot", {"email": DOCTOR_EMAIL})
    said = (await clinic.mail(DOCTOR_EMAIL, "mot de passe"))["text"]
    clinic.secrets.append(re.search(r"/connexion/mot-de-passe#([\w-]+)", said).group(1))
    for browser in clinic._browsers:
        for cookie in browser.http.cookie_jar:
            clinic.secrets.append(cookie.value)
    await doctor.did("/api/v1/auth/logout")


async def of_a_portal(clinic: Clinic, admin, consultation: str, professional: str) -> None:
    """What a portal gets: a secret, a token, the secret of its webhooks, the link of a frame and what the frame gets for it."""
    wanted = {"name": "Portail", "scopes": ["webhooks:write", "embed:write"], "allowed_origins": [ORIGIN]}
    made = await admin.did("/api/v1/api-clients", wanted)
    form = f"grant_type=client_credentials&client_id={made['client']['id']}&client_secret={made['client_secret']}"
    kind = "application/x-www-form-urlencoded"
    portal = clinic.browser()
    token = (await portal.did("/api/v1/oauth/token", form.encode(), Content_Type=kind))["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    hook = await portal.did("/api/v1/webhook-endpoints", {"url": f"{ORIGIN}/hook"}, **bearer)
    frame = {"consultation_id": consultation, "professional_ref": professional, "origin": ORIGIN}
    link = (await portal.did("/api/v1/embed-sessions", frame, **bearer))["embed_url"].split("#")[1]
    inside = await clinic.browser().did("/api/v1/embed-sessions/redeem", {"token": link})
    clinic.secrets += [made["client_secret"], token, hook["secret"], link, inside["access_token"]]


async def trail(clinic: Clinic) -> str:
    """Everything that the trail says, as an administrator reads it."""
    admin, pages, cursor = await clinic.administrator(), [], ""
    while True:
        page = await admin.get(f"/api/v1/admin/audit?limit=100{cursor}")
        pages += page["items"]
        if "next" not in page:
            return json.dumps(pages, ensure_ascii=False)
        cursor = f"&cursor={page['next']}"


async def test_nothing_of_a_person_and_no_secret_is_left_where_it_does_not_belong(clinic):
    await journey(clinic)
    server = clinic.server
    async with aiohttp.ClientSession() as http, http.get(f"{server.http}/metrics") as answer:
        assert answer.status == 200
        metrics = await answer.text()
    events = await trail(clinic)
    assert "consultation.created" in events and "document.sent" in events
    proof = await asyncio.to_thread(verified, server.data)
    await server.stop()
    log = server.log.read_text(errors="replace")
    # The part behind # never leaves a browser; links and tickets stand there on purpose.
    urls = "\n".join(unquote(urlsplit(url)._replace(fragment="").geturl()) for url in clinic.urls)
    numbers = [PATIENT_PHONE, NURSE_PHONE, CALLBACK, IMMEDIATE]
    needles = NAMES + [DOCTOR_EMAIL, PATIENT_EMAIL, RPPS, NIR, IDENTIFIER, PASSWORD, "quatrebarbes", "1984-05-17"]
    needles += numbers + ["33" + number[1:] for number in numbers]
    needles += [" ".join(number[at : at + 2] for at in range(0, 10, 2)) for number in numbers]
    needles += [secret for secret in clinic.secrets if len(secret) >= 6]
    assert len(needles) > 40 and len(log) > 1_500 and "control" in log, "there was something to look through"
    for place, text in [("the log", log), ("/metrics", metrics), ("the trail", events), ("its proof", proof), ("a URL", urls)]:
        lower = text.lower()
        for needle in set(needles):
            for form in {needle, quote(needle)}:
                at = lower.find(form.lower())
                assert at < 0, f"{needle} is in {place}: …{text[max(0, at - 200) : at + 100]}…"

    files = [file for file in Path(server.data).rglob("*") if file.is_file() and file.parent.name != "cards"]
    assert files
    for file in files:
        data = file.read_bytes().lower()
        for needle in set(needles):
            assert needle.lower().encode() not in data, f"{needle} is in clear in {file.relative_to(server.data)}"
