"""Measures "my consultations" and the making of a report with many consultations in the store; not part of the tests.

    CHEVET_BIN=target/release/chevet tests/.venv/bin/python tests/python/measure_list.py 5000

Brings a mail relay of its own, so that it measures the binary as it is released: without emulators.
"""

import asyncio
import email
import email.policy
import random
import sys
import time

from harness.clinic import PASSWORD, SETTINGS, Clinic, in_paris
from harness.people import Person
from harness.server import Server

REQUESTS, REPORTS, AT_ONCE = 300, 50, 8
ANSWERS = {"reason": "Toux sèche depuis huit jours. " * 20, "conclusion": "Bronchite simple. " * 20}


class Relay:
    """A mail relay that keeps what it takes, as `/dev/outbox` shows it."""

    def __init__(self):
        self.mails: list[dict] = []

    async def start(self) -> int:
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        to: list[str] = []
        say("220 relay")
        while line := (await reader.readline()).decode().strip():
            word = line.split()[0].upper()
            if word == "RCPT":
                to.append(line[line.index("<") + 1 : line.index(">")])
            if word == "DATA":
                say("354 go on")
                raw = b""
                while (part := await reader.readline()) != b".\r\n":
                    raw += part.removeprefix(b".") if part.startswith(b"..") else part
                mail = email.message_from_bytes(raw, policy=email.policy.default)
                text = mail.get_body(("plain",)).get_content()
                self.mails.append({"to": to, "subject": mail["Subject"], "text": text})
                to = []
            say("221 bye" if word == "QUIT" else "250 ok")
            if word == "QUIT":
                break
        writer.close()

    async def sent(self) -> dict:
        return {"mails": self.mails, "sms": []}


def told(what: str, times: list[float]) -> None:
    times = sorted(times)
    at = lambda share: times[min(len(times) - 1, int(len(times) * share))] * 1000
    print(f"{what}: p50 {at(0.5):.1f} ms, p99 {at(0.99):.1f} ms, of {len(times)}")


async def timed(browser, path: str, count: int, method: str = "GET", body=None) -> list[float]:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        answer = await browser.call(method, path, body)
        times.append(time.perf_counter() - start)
        assert answer.status in (200, 201), answer.bytes[:300]
    return times


async def ended(clinic: Clinic, doctor) -> str:
    """A consultation that took place, with a form: where it is."""
    one = await clinic.dossier(doctor, [{"channel": "copy"}])
    path = f"/api/v1/consultations/{one['id']}"
    link = await doctor.did(f"{path}/invitations/{one['invitations'][0]['id']}/link")
    guest = await clinic.waits(link["url"].split("#")[1])
    owner = await clinic.doctor_joins(Person, doctor, one["id"])
    await clinic.admit(doctor, one["id"], guest)
    await owner.leave()
    await doctor.did(f"{path}/end", {})
    await doctor.did(f"{path}/form", {"answers": ANSWERS}, "PUT")
    return path


async def main(count: int) -> None:
    relay = Relay()
    mail = {"SERVER": "127.0.0.1", "PORT": str(await relay.start()), "TLS": "off", "FROM": "chevet@cabinet.example"}
    mail = {f"CHEVET_CLINIC__MAIL__{name}": value for name, value in mail.items()}
    server = Server("measure-list", SETTINGS | mail | {"CHEVET_LOGGING__LEVEL": "warn"})
    clinic = Clinic(await server.start())
    clinic.sent = relay.sent
    dice = random.Random(1)
    try:
        doctor = await clinic.professional("mesure@cabinet.example")
        made: list[float] = []

        async def make() -> None:
            while len(made) < count:
                made.append(0.0)
                at, start = len(made) - 1, time.perf_counter()
                # At 2 in the morning the clocks change: such a time may exist twice or never, and is refused.
                while (when := in_paris(dice.randint(24 * 60, 390 * 24 * 60)))[11:13] == "02":
                    pass
                slot = {"start": when, "duration_minutes": 20}
                await clinic.dossier(doctor, [{"channel": "copy"}], slot=slot)
                made[at] = time.perf_counter() - start

        begin = time.perf_counter()
        await asyncio.gather(*(make() for _ in range(AT_ONCE)))
        print(f"{count} consultations made in {time.perf_counter() - begin:.0f} s, {AT_ONCE} at once")
        told("making one", made)
        for view in ["agenda", "today", "live"]:
            told(f"the list, {view}", await timed(doctor, f"/api/v1/consultations?view={view}", REQUESTS))
        path = await ended(clinic, doctor)
        told("drawing a report (PDF)", await timed(doctor, f"{path}/report/preview", REPORTS))
        # Reports are for who was there lately.
        await doctor.did("/api/v1/auth/reauthenticate", {"password": PASSWORD})
        validating = await timed(doctor, f"{path}/form/validate", 1, "POST")
        print(f"validating: drawn, sealed and kept in {validating[0] * 1000:.1f} ms")
        text = {"text": "Résultat reçu : négatif."}
        told("an addendum: the same", await timed(doctor, f"{path}/report/addendum", REPORTS, "POST", text))
    finally:
        await clinic.close()
        await server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000))
