"""The clinic seen from outside: people with browsers, what they are sent, and the way from a link into the call."""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import re
import struct
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import aiohttp
from multidict import CIMultiDictProxy

from .server import Server, until

ADMIN, DOCTOR = "chef@cabinet.example", "jeanne@cabinet.example"
PASSWORD = "sept tortues grises au marché"
TOOL = "teleconsultation_domicile"
PARIS = ZoneInfo("Europe/Paris")
# A decision for each registration, which the preset of a trial leaves out.
SETTINGS = {"CHEVET_CLINIC__ADMINISTRATORS": json.dumps([ADMIN]), "CHEVET_CLINIC__APPROVAL": "manual"}
# Longest wait for a limit that was met, such as 30 tries of links a minute from one address.
PATIENCE_S = 70

_keys = itertools.count(1)
_numbers = itertools.count(10_000_000)


def mobile() -> tuple[str, str]:
    """A mobile number that nobody else in the tests has: as typed, and as a gateway gets it."""
    digits = f"{next(_numbers):08}"
    return "06 " + " ".join(digits[at : at + 2] for at in range(0, 8, 2)), f"+336{digits}"


def rpps(number: int) -> str:
    """An RPPS number with its check digit (Luhn)."""
    digits = [int(digit) for digit in f"{number:010}"]
    doubled = [sum(divmod(2 * digit, 10)) if at % 2 else digit for at, digit in enumerate(digits)]
    return f"{number:010}{-sum(doubled) % 10}"


def in_paris(minutes: float, ahead: float = 0) -> str:
    """The wall time in so many minutes, to the second, by a clock that is so many seconds ahead."""
    return (datetime.now(PARIS) + timedelta(minutes=minutes, seconds=ahead)).strftime("%Y-%m-%dT%H:%M:%S")


def one_time_code(secret: str, ahead: float = 0) -> str:
    """RFC 6238, with the RFC's defaults."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time() + ahead) // 30), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


@dataclass
class Answer:
    status: int
    # Names in any case.
    headers: CIMultiDictProxy
    bytes: bytes

    @property
    def json(self):
        return json.loads(self.bytes or b"null")

    @property
    def code(self) -> str:
        """The stable word of a problem."""
        return self.json.get("code", "") if self.bytes else ""

    @property
    def refused(self) -> tuple[int, str]:
        return self.status, self.code

    @property
    def etag(self) -> str:
        return self.headers.get("ETag", "")


class Browser:
    """Cookies and a CSRF token. Every address that was asked for is remembered in `Clinic.urls`."""

    def __init__(self, clinic: "Clinic"):
        self.clinic, self.csrf = clinic, ""
        # Cookies of a plain loopback address are kept only when asked for.
        self.http = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))

    async def call(self, method: str, path: str, body=None, **headers) -> Answer:
        url = path if path.startswith("http") else self.clinic.server.http + path
        self.clinic.urls.append(url)
        given = {"Accept-Language": "fr", "If-Match": "*", "Idempotency-Key": f"k{next(_keys)}"}
        given |= {"X-CSRF-Token": self.csrf} if self.csrf else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        async with self.http.request(method, url, headers=given, allow_redirects=False, **content) as answer:
            said = Answer(answer.status, answer.headers, await answer.read())
        if "Location" in said.headers:
            self.clinic.urls.append(said.headers["Location"])
        return said

    async def get(self, path: str):
        answer = await self.call("GET", path)
        assert answer.status == 200, f"{path}: {answer.status} {answer.bytes[:500]}"
        return answer.json

    async def post(self, path: str, body=None, **headers) -> Answer:
        return await self.call("POST", path, body, **headers)

    async def did(self, path: str, body=None, method: str = "POST", **headers):
        """Does what has to work, and gives what was answered."""
        answer = await self.call(method, path, body, **headers)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.bytes[:500]}"
        return answer.json if answer.bytes else None

    async def close(self) -> None:
        await self.http.close()


class Clinic:
    """A server that plays the outside world itself, and who uses it."""

    def __init__(self, server: Server):
        self.server = server
        self.urls: list[str] = []
        self.secrets: list[str] = []
        self._browsers: list[Browser] = []
        self._rpps = itertools.count(1_020_304_050)
        self._totp: dict[str, str] = {}
        # Seconds by which the server's clock was put forward.
        self.ahead = 0
        self.admin: Browser | None = None

    def browser(self) -> Browser:
        self._browsers.append(Browser(self))
        return self._browsers[-1]

    async def close(self) -> None:
        for browser in self._browsers:
            await browser.close()

    async def pass_time(self, seconds: int) -> None:
        """Puts the server's clock forward."""
        async with aiohttp.ClientSession() as http, http.post(f"{self.server.http}/dev/clock/{seconds}") as answer:
            assert answer.status == 204, "no clock to move in this build: make test-build has one"
        self.ahead += seconds
        # Whoever decides something has to have logged in lately.
        self.admin = None

    # What was sent.

    async def sent(self) -> dict:
        async with aiohttp.ClientSession() as http, http.get(f"{self.server.http}/dev/outbox/messages") as answer:
            assert answer.status == 200, "no emulators in this build: make test-build has them"
            return await answer.json()

    async def mails(self, to: str, subject: str = "") -> list[dict]:
        return [mail for mail in (await self.sent())["mails"] if to in mail["to"] and subject in mail["subject"]]

    async def texts(self, to: str) -> list[dict]:
        return [sms for sms in (await self.sent())["sms"] if sms["to"] == to]

    async def mail(self, to: str, subject: str = "") -> dict:
        async def came():
            return await self.mails(to, subject)

        return (await until(f"a mail “{subject}” to {to}", came, why=self.server.tail))[-1]

    async def text(self, to: str) -> dict:
        async def came():
            return await self.texts(to)

        return (await until(f"a short message to {to}", came, why=self.server.tail))[-1]

    async def secret(self, to: str) -> str:
        """What stands behind # in the link of the last message to this address or number."""
        said = await self.mail(to, "Rendez-vous") if "@" in to else await self.text(to)
        found = re.findall(r"/c#([\w-]+)", said["text"])
        assert len(found) == 1, said["text"]
        self.secrets += found
        return found[0]

    # Accounts.

    async def confirmed(self, email: str, number: str = "", interests=(TOOL,), **more) -> str:
        """Registers and follows the link of the mail; gives the status after it."""
        browser = self.browser()
        person = {
            "title": "Dr", "first_name": "Jeanne", "exercise_name": "Martin", "profession_code": "10",
            "rpps": number or rpps(next(self._rpps)), "email": email, "password": PASSWORD, "accepts_terms": True,
            "interests": list(interests),
        } | more  # fmt: skip
        assert (await browser.post("/api/v1/registrations", person)).status == 202
        said = await self.mail(email, "Confirmez votre adresse")
        token = re.search(r"/inscription/confirmer#([\w-]+)", said["text"]).group(1)
        self.secrets.append(token)
        return (await browser.did("/api/v1/registrations/confirm", {"token": token}))["status"]

    async def log_in(self, email: str, password: str = PASSWORD) -> Browser:
        """By password and second factor, which is set up on the way if there is none."""
        browser = self.browser()
        half = await browser.did("/api/v1/auth/password", {"email": email, "password": password})
        browser.csrf = half["csrf_token"]
        if half["next"] == "enrol_second_factor":
            self._totp[email] = (await browser.did("/api/v1/auth/mfa/enrolment"))["secret"]
            code = {"code": one_time_code(self._totp[email], self.ahead)}
            session = (await browser.did("/api/v1/auth/mfa/enrolment/confirm", code))["session"]
        else:
            session = await browser.did("/api/v1/auth/mfa", {"code": one_time_code(self._totp[email], self.ahead)})
        browser.totp, browser.csrf, browser.id = self._totp[email], session["csrf_token"], session["account_id"]
        self.secrets += [browser.totp, browser.csrf]
        return browser

    async def administrator(self) -> Browser:
        """The administrator, who logged in lately."""
        if self.admin is None:
            if ADMIN not in self._totp:
                await self.confirmed(ADMIN, first_name="Chef", interests=())
            self.admin = await self.log_in(ADMIN)
        return self.admin

    async def approve(self, email: str) -> None:
        admin = await self.administrator()
        waiting = (await admin.get("/api/v1/registrations?limit=100"))["items"]
        (who,) = [one for one in waiting if one["email"] == email]
        await admin.did(f"/api/v1/registrations/{who['id']}/decision", {"approve": True})

    async def professional(self, email: str, **person) -> Browser:
        """Somebody with an account that was approved, logged in."""
        await self.confirmed(email, **person)
        await self.approve(email)
        return await self.log_in(email)

    # Consultations.

    async def immediate(self, doctor: Browser, typed: str) -> dict:
        return await doctor.did("/api/v1/consultations", {"kind": "immediate", "phone": typed})

    async def dossier(self, doctor: Browser, contacts: list[dict], **more) -> dict:
        """For now, unless a slot is given."""
        when = {} if "slot" in more else {"now": True}
        body = {"kind": "dossier", "patient": PATIENT, "contacts": contacts} | when | more
        if "patient_id" in more:
            del body["patient"]
        return await doctor.did("/api/v1/consultations", body)

    # Guests.

    async def _patiently(self, path: str, body: dict, browser: Browser) -> Answer:
        end = time.monotonic() + PATIENCE_S
        while True:
            answer = await browser.post(path, body)
            if answer.status != 429 or time.monotonic() > end:
                return answer
            await asyncio.sleep(float(answer.headers.get("Retry-After", 1)))

    async def look(self, secret: str) -> dict:
        answer = await self._patiently("/p/v1/links/look", {"secret": secret}, self.browser())
        assert answer.status == 200, answer.bytes
        return answer.json

    async def try_link(self, secret: str) -> Answer:
        return await self._patiently("/p/v1/links/session", {"secret": secret}, self.browser())

    async def enter(self, secret: str) -> Browser:
        """A guest with a session from a link."""
        guest = self.browser()
        answer = await self._patiently("/p/v1/links/session", {"secret": secret, "device": "phone"}, guest)
        assert answer.status == 200, answer.bytes
        guest.csrf, guest.seat = answer.json["csrf_token"], answer.json["guest"]["participant_id"]
        self.secrets.append(guest.csrf)
        return guest

    async def agree(self, guest: Browser) -> dict:
        text = await guest.get("/p/v1/consent")
        return await guest.did("/p/v1/consent", {"decision": "accepted", "text_version": text["version"]})

    async def waits(self, secret: str) -> Browser:
        guest = await self.enter(secret)
        await self.agree(guest)
        assert (await guest.did("/p/v1/waiting"))["next"] == "waiting"
        return guest

    # Documents.

    async def hand_over(self, who: Browser, folder: str, name: str, file: bytes, category="other", **more) -> Answer:
        """Announces a file, sends it in pieces and completes it: the answer to the last step."""
        new = {"name": name, "size": len(file), "sha256": hashlib.sha256(file).hexdigest(), "category": category}
        begun = await who.did(folder, new | more)
        path, at = f"{folder}/{begun['document']['id']}", begun["received"]
        while at < len(file):
            piece = file[at : at + begun["piece_max"]]
            span = f"bytes {at}-{at + len(piece) - 1}/{len(file)}"
            at = (await who.did(f"{path}/upload", piece, "PUT", Content_Range=span))["received"]
        return await who.post(f"{path}/complete")

    # The call.

    async def join_as(self, people, browser: Browser, path: str):
        """Gets a media token and joins with an unmodified client."""
        token = await browser.did(path)
        self.secrets.append(token["token"])
        return await people(self.server, "", token["identity"]).join(jwt=token["token"], url=self.server.ws)

    async def doctor_joins(self, people, doctor: Browser, id: str):
        return await self.join_as(people, doctor, f"/api/v1/consultations/{id}/media-token")

    async def admit(self, doctor: Browser, id: str, guest: Browser) -> dict:
        return await doctor.did(f"/api/v1/consultations/{id}/participants/{guest.seat}/admit", {})

    async def guest_joins(self, people, guest: Browser):
        return await self.join_as(people, guest, "/p/v1/media-token")

    async def status(self, doctor: Browser, id: str) -> str:
        return (await doctor.get(f"/api/v1/consultations/{id}"))["status"]


PATIENT = {"birth_name": "DUPONT", "first_names": ["Odette"], "birth_date": "1941-03-02", "sex": "F"}


def seat(consultation: dict, role: str) -> str:
    (found,) = [one["id"] for one in consultation["participants"] if one["role"] == role]
    return found
