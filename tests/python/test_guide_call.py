"""The guide for professionals, row by row: from the call to the saved report. test_guide.py has what comes before."""

import asyncio
import base64
import hashlib
import io
import json
import re
import subprocess
import tempfile
import zipfile

import numpy
import pytest
import pytest_asyncio
from harness.clinic import ADMIN, DOCTOR, Clinic, in_paris, mobile, seat
from harness.media import Picture
from harness.people import Person
from harness.server import until
from PIL import Image, ImageDraw
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext
from pypdf import PdfReader, PdfWriter
from pypdf.generic import DecodedStreamObject

NURSE = {"role": "bedside_professional", "name": "Odile Faure", "profession_code": "60", "rpps": "12345678903"}
NIR, NIR_KEY = "2550814168025", "38"
CHECK = {
    "browser": "Safari 17", "os": "iOS 17", "camera": "ok", "microphone": "ok", "websocket": True, "udp": True,
    "rtt_ms": 40, "up_kbps": 3000, "down_kbps": 9000,
}  # fmt: skip
# In two parts, so that no scanner takes this file for the test file.
EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
PAGE = (595, 842)


def text_of(pdf: bytes) -> str:
    return re.sub(r"\s+", " ", "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages))


def a_pdf(hidden: str = "") -> bytes:
    """One page with a rule across it; `hidden` stands in a stream that shows nothing."""
    writer = PdfWriter()
    page = writer.add_blank_page(*PAGE)
    drawing = DecodedStreamObject()
    drawing.set_data(f"0 0 0 RG 2 w 50 600 m 545 600 l S\n% {hidden}\n".encode())
    page.replace_contents(drawing)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def a_picture(kind: str, size=(40, 30), **more) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, kind, **more)
    return out.getvalue()


def on_paper(pdf: bytes) -> numpy.ndarray:
    """The last page as poppler draws it, a point to a pixel."""
    done = subprocess.run(["pdftoppm", "-r", "72", "-png", "-singlefile", "-"], input=pdf, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return numpy.asarray(Image.open(io.BytesIO(done.stdout)).convert("L"))


def judged(pdf: bytes, clinic: Clinic) -> None:
    """pyHanko and pdfsig find one signature, sound, over the whole file, with a time stamp of the emulated service."""
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    signer = ValidationContext(trust_roots=[signature.signer_cert])
    times = ValidationContext(trust_roots=[load_cert_from_pemder(f"{clinic.server.data}/time-stamps.pem")])
    status = validate_pdf_signature(signature, signer, times)
    assert status.intact and status.valid and status.coverage.name == "ENTIRE_FILE"
    stamp = status.timestamp_validity
    assert stamp.intact and stamp.valid and stamp.trusted, "a seal of level B-T"
    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        file.write(pdf)
        file.flush()
        said = subprocess.run(["pdfsig", "-nocert", file.name], capture_output=True, timeout=60)
    assert b"Signature is Valid" in said.stdout and b"Total document signed" in said.stdout, said.stdout + said.stderr


@pytest_asyncio.fixture(scope="module")
async def call(clinic, doctor):
    """A call that goes on, with a patient who was let in: doctor, guest, and where the consultation is."""
    made: list[Person] = []

    def people(*args):
        made.append(Person(*args))
        return made[-1]

    typed, number = mobile()
    one = await clinic.dossier(doctor, [{"channel": "sms", "phone": typed}])
    await clinic.doctor_joins(people, doctor, one["id"])
    guest = await clinic.waits(await clinic.secret(number))
    await clinic.admit(doctor, one["id"], guest)
    await clinic.guest_joins(people, guest)
    yield doctor, guest, f"/api/v1/consultations/{one['id']}"
    for person in made:
        await person.leave()


@pytest_asyncio.fixture(scope="module")
async def visit(clinic, doctor):
    """A consultation at the bedside from the appointment to the validated form, with everything that came of it."""
    made: list[Person] = []

    def people(*args):
        made.append(Person(*args))
        return made[-1]

    (typed, patient_number), (nurse_typed, nurse_number) = mobile(), mobile()
    facility = {"name": "EHPAD Les Tilleuls", "kind": "ehpad", "finess": "440000289", "shared_device": True}
    facility = await doctor.did("/api/v1/facilities", facility)
    patient = {"birth_name": "LEROUX", "first_names": ["Simone"], "birth_date": "1955-08-14", "sex": "F"}
    one = await clinic.dossier(
        doctor,
        [{"channel": "sms", "phone": typed}],
        patient=patient | {"nir": NIR + NIR_KEY},
        facility_id=facility["id"],
        participants=[NURSE | {"channel": "sms", "phone": nurse_typed}],
    )
    id = one["id"]
    path = f"/api/v1/consultations/{id}"
    owner = await clinic.doctor_joins(people, doctor, id)
    guest = await clinic.enter(await clinic.secret(patient_number))
    # The patient's network lets only TCP through: that goes into the report.
    await guest.did("/p/v1/device-check", CHECK | {"udp": False, "tcp": True})
    await clinic.agree(guest)
    await guest.did("/p/v1/waiting")
    nurse = await clinic.waits(await clinic.secret(nurse_number))
    await clinic.admit(doctor, id, guest)
    await clinic.admit(doctor, id, nurse)
    seen = await clinic.guest_joins(people, guest)
    beside = await clinic.guest_joins(people, nurse)
    pictures = [await Picture().publish(who) for who in (owner, seen)]
    await owner.sees(beside.identity)
    prescription = a_pdf()
    sent = await clinic.hand_over(doctor, f"{path}/documents", "Ordonnance.pdf", prescription, "prescription")
    assert sent.status == 200, sent.bytes

    # Both sides show themselves for a while: that is what is counted.
    await asyncio.sleep(2.5)
    for picture in pictures:
        await picture.stop()
    for person in made:
        await person.leave()
    ended = await doctor.did(f"{path}/end", {})
    draft = {
        "answers": {"reason": "Toux sèche depuis huit jours", "conclusion": "Bronchite simple", "plan": "Repos"},
        "acts": [{"system": "NGAP", "code": "TCG", "amount_cents": 2500}],
    }
    empty = await doctor.call("GET", f"{path}/form")
    saved = await doctor.call("PUT", f"{path}/form", draft, If_Match=empty.etag)
    assert saved.status == 200, saved.bytes
    report = await doctor.call("POST", f"{path}/form/validate", None, If_Match=saved.etag)
    assert report.status == 201, report.bytes
    pdf = await doctor.call("GET", f"{path}/report")
    return {
        "path": path, "ended": ended, "report": report.json, "pdf": pdf, "created": one, "prescription": prescription,
    }  # fmt: skip


async def content(browser, folder: str, id: str):
    return await browser.call("GET", f"{folder}/{id}/content")


async def test_guide_row_16_a_prescription_and_a_picture_arrive_and_what_is_neither_does_not(clinic, call):
    doctor, guest, path = call
    folder = f"{path}/documents"
    for name, file, category, mime in [
        ("Ordonnance.pdf", a_pdf(), "prescription", "application/pdf"),
        ("Schéma.png", a_picture("PNG"), "other", "image/png"),
    ]:
        sent = await clinic.hand_over(doctor, folder, name, file, category)
        assert sent.status == 200, sent.bytes
        (seen,) = [one for one in await guest.get("/p/v1/documents") if one["id"] == sent.json["id"]]
        assert (seen["name"], seen["mime"], seen["category"], seen["own"]) == (name, mime, category, False)
        got = await content(guest, "/p/v1/documents", seen["id"])
        assert got.status == 200 and got.headers["Content-Type"] == mime
        assert hashlib.sha256(got.bytes).hexdigest() == seen["sha256"]
        if mime == "application/pdf":
            assert got.bytes == file, "a PDF is never written anew"
        else:
            assert Image.open(io.BytesIO(got.bytes)).size == (40, 30)
        assert (await doctor.get(f"{folder}/{seen['id']}"))["state"] == "opened"

    program = b"MZ\x90\x00" + bytes(2000)
    refused = await clinic.hand_over(doctor, folder, "Ordonnance.pdf", program, "prescription")
    assert refused.refused == (415, "file-type-not-allowed")
    infected = await clinic.hand_over(doctor, folder, "Ordonnance (2).pdf", a_pdf(EICAR), "prescription")
    assert infected.refused == (422, "file-infected")
    (kept,) = [one for one in await doctor.get(folder) if one["state"] == "quarantined"]
    assert (kept["name"], kept["refusal"]) == ("Ordonnance (2).pdf", "file-infected")
    assert (await content(doctor, folder, kept["id"])).status == 404, "nobody reads it"
    assert len(await guest.get("/p/v1/documents")) == 2


async def test_guide_row_17_a_signature_is_placed_and_sealed_and_what_is_signed_stays_as_it_is(clinic, call):
    doctor, guest, path = call
    folder = f"{path}/documents"
    ink = Image.new("RGBA", (300, 80))
    ImageDraw.Draw(ink).line([(5, 70), (100, 10), (200, 70), (295, 10)], (0, 0, 80, 255), 8)
    drawn = io.BytesIO()
    ink.save(drawn, "PNG")
    plain = a_pdf()
    hidden = await clinic.hand_over(doctor, folder, "Certificat.pdf", plain, "certificate", visibility=[])
    at = f"{folder}/{hidden.json['id']}/signature"
    box = {"x": 0.1, "y": 0.5, "width": 0.3, "height": 0.08}
    missing = await doctor.post(at, {"box": box})
    assert (*missing.refused, missing.json["reason"]) == (403, "capability-not-available", "signature_not_set")
    await doctor.did("/api/v1/me/signature-image", drawn.getvalue(), "PUT", Content_Type="image/png")
    assert (await doctor.get("/api/v1/me"))["signature_set"] is True

    signed = await doctor.did(at, {"box": box, "visibility": [{"role": "patient"}]})
    assert (signed["version"], signed["replaces"], signed["signed"]) == (2, hidden.json["id"], "pades_seal")
    got = await content(guest, "/p/v1/documents", signed["id"])
    assert got.bytes.startswith(plain), "added to, not written anew"
    await asyncio.to_thread(judged, got.bytes, clinic)
    rows, columns = numpy.nonzero(numpy.abs(on_paper(got.bytes).astype(int) - on_paper(plain)) > 60)
    assert len(rows) > 200, "there is ink"
    for places, start, length, side in [(columns, 0.1, 0.3, PAGE[0]), (rows, 0.5, 0.08, PAGE[1])]:
        assert start * side - 1 <= places.min() and places.max() <= (start + length) * side + 1, "in the box"
    assert len(set(columns)) > 0.5 * 0.3 * PAGE[0] or len(set(rows)) > 0.5 * 0.08 * PAGE[1], "as large as the box allows"

    again = await doctor.post(f"{folder}/{signed['id']}/signature", {"box": box})
    assert again.refused == (409, "document-already-signed")
    untouched = await clinic.hand_over(doctor, folder, "Signé ailleurs.pdf", got.bytes, "certificate")
    assert untouched.json["signed"] != "none"
    assert (await content(guest, "/p/v1/documents", untouched.json["id"])).bytes == got.bytes


async def test_guide_row_18_the_patients_photo_arrives_upright_and_without_the_place_where_it_was_taken(clinic, call):
    doctor, guest, path = call
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: a quarter turn to the right.
    exif[0x010F] = "MarqueDeTelephone"
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 13.0, 5.0), 3: "W", 4: (1.0, 33.0, 10.0)})
    photo = a_picture("JPEG", (60, 20), exif=exif, comment="chez Mme Dupont")
    assert Image.open(io.BytesIO(photo)).getexif().get_ifd(0x8825), "there is a place to lose"
    sent = await clinic.hand_over(guest, "/p/v1/documents", "plaie.jpg", photo, "photo")
    assert sent.status == 200, sent.bytes
    (seen,) = [one for one in await doctor.get(f"{path}/documents") if one["id"] == sent.json["id"]]
    assert (seen["category"], seen["mime"], seen["own"]) == ("photo", "image/jpeg", False)
    got = await content(doctor, f"{path}/documents", seen["id"])
    arrived = Image.open(io.BytesIO(got.bytes))
    assert arrived.size == (20, 60)
    assert not arrived.getexif() and not {"exif", "comment"} & set(arrived.info)
    assert not [word for word in (b"Exif", b"MarqueDeTelephone", b"Dupont") if word in got.bytes]


async def test_guide_row_19_payment_is_asked_for_by_mail_switched_on_and_then_paid_on_a_page_of_the_provider(clinic, call):
    doctor, guest, path = call
    asked = {"amount_cents": 2500, "label": "Téléconsultation du jour"}
    requests = f"{path}/payment-requests"

    async def not_yet():
        refused = await doctor.post(requests, asked)
        assert (*refused.refused, refused.json["reason"]) == (403, "capability-not-available", "payment_not_enabled")

    await not_yet()
    assert (await doctor.did("/api/v1/me/payment-activation"))["status"] == "requested"
    await clinic.mail(ADMIN, "Demande d’activation du paiement en ligne")
    await not_yet()
    admin = await clinic.administrator()
    accounts = (await admin.get("/api/v1/payment-accounts"))["items"]
    (account,) = [one for one in accounts if one["professional_id"] == doctor.id]
    at = f"/api/v1/payment-accounts/{account['id']}"
    assert (await doctor.call("GET", at)).status == 404, "not for professionals"
    await admin.did(f"{at}/credentials", {"provider": "emulator"}, "PUT")
    assert (await admin.post(f"{at}/enable")).status == 409, "not before a test"
    await admin.did(f"{at}/test")
    await not_yet()
    assert (await admin.did(f"{at}/enable"))["status"] == "enabled"
    await clinic.mail(DOCTOR, "Le paiement en ligne est activé")

    async def pay(how: str, fault) -> str:
        made = await doctor.did(requests, asked)
        (due,) = [one for one in await guest.get("/p/v1/payments") if one["id"] == made["id"]]
        assert (due["amount_cents"], due["label"], due["payable"]) == (2500, "Téléconsultation du jour", True)
        page = (await guest.did(f"/p/v1/payments/{made['id']}/open"))["url"]
        buyer = clinic.browser()
        shown = (await buyer.call("GET", page)).bytes.decode()
        assert "25,00" in shown and "jour" not in shown, "the amount, and not what it is for"
        await buyer.did("/dev/payments/faults", [fault] if fault else [])
        back = await buyer.post(f"{page}/{how}")
        assert back.status == 303 and (await buyer.call("GET", back.headers["Location"])).status == 200
        return made["id"]

    async def standing(id: str) -> tuple:
        (theirs,) = [one for one in await guest.get("/p/v1/payments") if one["id"] == id]
        ours = await doctor.get(f"{requests}/{id}")
        return ours["state"], theirs["state"], ours.get("failure")

    async def comes_to(id: str, state: str, failure=None):
        async def there():
            return await standing(id) == (state, state, failure)

        await until(f"both sides see that the payment is {state}", there, why=clinic.server.tail)

    refused = await pay("fail", None)
    await comes_to(refused, "failed", "refused")
    forged = await pay("pay", "wrong_signature")
    twice = await pay("pay", "twice")
    await comes_to(twice, "paid")
    reordered = await pay("pay", "reordered")
    await comes_to(reordered, "paid")
    assert await standing(twice) == ("paid", "paid", None), "told twice, paid once"
    assert (await standing(forged))[0] == "opened", "what is not signed changes nothing"
    # The provider itself is asked, and it was paid.
    await doctor.did(f"{requests}/{forged}/refresh")
    await comes_to(forged, "paid")
    assert await standing(reordered) == ("paid", "paid", None)


async def test_guide_row_20_a_validated_form_makes_a_report_with_what_the_law_asks_for(doctor, visit):
    pdf = visit["pdf"]
    assert pdf.status == 200 and pdf.bytes.startswith(b"%PDF-")
    assert hashlib.sha256(pdf.bytes).hexdigest() == visit["report"]["sha256"]
    text = text_of(pdf.bytes)
    # CSP art. R6316-4: the account of the act, acts, who took part, date and time, technical incidents.
    for words in [
        "Toux sèche depuis huit jours", "Bronchite simple", "TCG", "Jeanne Martin", "10101010105", "Odile Faure",
        "LEROUX", in_paris(0)[:4],
    ]:  # fmt: skip
        assert words in text, f"{words} is not in: {text}"
    assert re.search(r"\d\d[ \u00a0\u202f]?[h:][ \u00a0\u202f]?\d\d", text)
    assert "Liaison de secours (TCP)" in text, "what the system saw go wrong"
    assert NIR not in re.sub(r"\s", "", text)
    assert visit["ended"]["video_seconds"] >= 1
    # The seal, by the server and by others.
    said = await doctor.did("/api/v1/verify", pdf.bytes)
    (seal,) = said["signatures"]
    assert said["valid"] and seal["ours"] and seal["intact"] and seal["whole"] and seal["time_stamp_trusted"]
    await asyncio.to_thread(judged, pdf.bytes, doctor.clinic)
    again = await doctor.call("PUT", f"{visit['path']}/form", {"answers": {"reason": "Autre"}})
    assert again.status == 409, "what was validated stays as it is"
    assert await doctor.get(f"{visit['path']}") | {"status": "validated"} == await doctor.get(f"{visit['path']}")


async def test_guide_row_21_everything_is_saved_in_one_file_that_can_be_checked_without_a_network(doctor, visit):
    saved = await doctor.call("GET", f"{visit['path']}/export?format=zip")
    assert saved.status == 200
    with zipfile.ZipFile(io.BytesIO(saved.bytes)) as file:
        assert file.testzip() is None
        manifest = json.loads(file.read("manifest.json"))
        names = [one["path"] for one in manifest["files"]]
        assert set(file.namelist()) == {*names, "manifest.json"}
        for one in manifest["files"]:
            assert hashlib.sha256(file.read(one["path"])).hexdigest() == one["sha256"], one
        pdfs = [file.read(name) for name in names if name.endswith(".pdf")]
        assert visit["pdf"].bytes in pdfs and visit["prescription"] in pdfs
        page = file.read("verify.html").decode()
    assert "manifest.json" in page
    for address in re.findall(r"(?:src|href|fetch\()\s*=?\s*[\"']([^\"']+)", page):
        assert not address.startswith(("http", "//")), address


async def test_guide_row_22_number_key_and_birth_date_are_on_the_sheet_and_a_wrong_key_is_refused(clinic, doctor, visit):
    patient = {"birth_name": "FAUX", "first_names": ["Jean"], "birth_date": "1955-08-14", "sex": "M"}
    body = {"kind": "dossier", "now": True, "contacts": [{"channel": "copy"}]}
    for number, code in [(NIR + "39", "nir-key-mismatch"), ("255081416", "validation-failed")]:
        refused = await doctor.post("/api/v1/consultations", body | {"patient": patient | {"nir": number}})
        assert refused.refused == (422, code)
        assert refused.json["errors"][0]["pointer"] == "/patient/nir"
    sheet = (await doctor.call("GET", f"{visit['path']}/export?format=billing.json")).json
    lines = {line["id"]: line["value"] for group in sheet["groups"] for line in group["lines"]}
    assert (lines["nir"], lines["nir_key"]) == (NIR, NIR_KEY)
    assert "1955" in lines["birth_date"] and lines["birth_name"] == "LEROUX"
    assert "ADRi" in lines["rights"] and "vérifier" in lines["rights"]
    seen = await doctor.get(visit["path"])
    assert seen["patient"]["nir_known"] is True and NIR not in json.dumps(seen)


async def test_guide_row_23_the_sheet_helps_with_the_claim_and_claims_nothing(doctor, visit):
    sheet = (await doctor.call("GET", f"{visit['path']}/export?format=billing.json")).json
    assert "rien n’est transmis" in sheet["notice"]
    help = " ".join(sheet["help"])
    assert "SESAM sans Vitale" in help and "dégradé" in help
    assert [(act["code"], act["amount_cents"]) for act in sheet["acts"]] == [("TCG", 2500)]
    pdf = await doctor.call("GET", f"{visit['path']}/export?format=billing.pdf")
    assert "rien n’est transmis" in text_of(pdf.bytes)
    table = (await doctor.call("GET", f"{visit['path']}/export?format=billing.csv")).bytes.decode("utf-8-sig")
    assert NIR in table and "TCG" in table


async def test_guide_row_24_whoever_has_a_question_finds_whom_to_ask_and_a_diagnosis_names_nobody(clinic, doctor):
    admin = await clinic.administrator()
    settings = await admin.call("GET", "/api/v1/admin/settings")
    contact = {"contact": {"phone": "02 40 11 22 33", "email": "aide@chevet.example", "hours": "8 h à 18 h"}}
    changed = await admin.call("PATCH", "/api/v1/admin/settings", contact, If_Match=settings.etag)
    assert changed.status == 200, changed.bytes
    told = await clinic.browser().get("/api/v1/contact")
    assert (told["phone"], told["email"], told["hours"]) == ("02 40 11 22 33", "aide@chevet.example", "8 h à 18 h")

    typed, number = mobile()
    one = await clinic.dossier(doctor, [{"channel": "sms", "phone": typed}])
    guest = await clinic.waits(await clinic.secret(number))
    diagnosis = {
        "page": "waiting", "browser": {"family": "safari", "major": 17}, "os": {"family": "ios", "major": 17},
        "device": "phone", "permissions": {"camera": "denied", "microphone": "granted", "notifications": "unknown"},
        "devices": {"cameras": 1, "microphones": 1, "speakers": 1},
        "errors": [{"at_s": -12, "code": "camera_denied"}], "timeline": [{"at_s": -50, "event": "page_opened"}],
    }  # fmt: skip
    for words in [{"note": "Odette Dupont"}, {"errors": [{"at_s": -1, "code": "Odette Dupont"}]}, {"device": number}]:
        refused = await guest.post("/p/v1/support/bundles", diagnosis | words)
        assert refused.refused == (422, "validation-failed"), words
    code = (await guest.did("/p/v1/support/bundles", diagnosis))["code"]
    assert re.fullmatch(r"[A-Z0-9]{6}", code)

    email = "support@cabinet.example"
    await clinic.confirmed(email)
    await clinic.approve(email)
    (user,) = (await admin.did("/api/v1/admin/users/search", {"email": email}))["items"]
    await admin.did(f"/api/v1/admin/users/{user['id']}/roles", {"roles": ["support"], "works_for": []}, "PUT")
    helper = await clinic.log_in(email)
    assert (await doctor.call("GET", f"/api/v1/support/bundles/{code}")).status == 404, "for the support only"
    seen = await helper.get(f"/api/v1/support/bundles/{code.lower()}")
    assert seen["diagnostic"] == diagnosis
    assert [one["role"] for one in seen["consultation"]["participants"] if one["state"] == "waiting"] == ["patient"]
    said = json.dumps(seen, ensure_ascii=False)
    for name in ["DUPONT", "Odette", "Martin", "Jeanne", "1941", DOCTOR, one["patient"]["id"], *clinic.secrets]:
        assert name.lower() not in said.lower(), name
    digits = re.sub(r"\D", "", typed)
    assert digits not in re.sub(r"[\s.]", "", said) and digits[1:] not in said
    assert not re.search(r"[\w.]+@[\w.]+", said), "no address"


async def test_guide_row_25_a_nurse_at_the_bedside_comes_by_link_and_is_in_the_report(clinic, doctor, visit):
    seen = await doctor.get(visit["path"])
    (nurse,) = [who for who in seen["participants"] if who["role"] == "bedside_professional"]
    assert (nurse["name"], nurse["profession_code"], nurse["rpps"]) == ("Odile Faure", "60", "12345678903")
    assert nurse["id"] == seat(visit["created"], "bedside_professional") and nurse["admitted_at"]
    text = text_of(visit["pdf"].bytes)
    assert "Odile Faure" in text and "EHPAD Les Tilleuls" in text
    acts = await clinic.browser().get("/api/v1/acts")
    assert {"TLS", "TLL", "TLD"} <= {act["code"] for act in acts if act["profession"] == "60"}


async def test_of_all_who_come_only_the_interpreters_picture_comes_first_on_a_poor_line(clinic, doctor):
    """Signs may be read from it: the attribute is what asks the media server for that."""
    (typed, patient_number), (other, interpreter_number) = mobile(), mobile()
    interpreter = {"role": "interpreter", "name": "Agnès Bel", "channel": "sms", "phone": other}
    one = await clinic.dossier(doctor, [{"channel": "sms", "phone": typed}], participants=[interpreter])
    owner = await clinic.doctor_joins(Person, doctor, one["id"])
    guests = [await clinic.waits(await clinic.secret(number)) for number in (patient_number, interpreter_number)]
    for guest in guests:
        await clinic.admit(doctor, one["id"], guest)

    async def attributes(guest):
        claims = (await guest.did("/p/v1/media-token"))["token"].split(".")[1]
        return json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["attributes"]

    assert [await attributes(guest) for guest in guests] == [
        {"role": "patient"},
        {"role": "interpreter", "chevet.picture": "first"},
    ]
    await owner.leave()
