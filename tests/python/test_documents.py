"""What outside judges say of the documents that the clinic makes: PDF, FHIR, CDA, CSV, ZIP.

The files come from clinic/examples/documents.rs, which is built with the tests."""

import base64
import copy
import csv
import hashlib
import io
import json
import os
import pathlib
import re
import subprocess
import zipfile

import pikepdf
import pytest
from fhir.resources.R4B.bundle import Bundle
from lxml import etree

ROOT = pathlib.Path(__file__).resolve().parents[2]
NIR = "2550814168025"
PDFS = ["report.pdf", "preview.pdf", "billing.pdf"]


def binary():
    server = pathlib.Path(os.environ.get("CHEVET_BIN", ROOT / "target/debug/chevet"))
    return server.parent / "examples" / "documents"


def make(folder, dossier):
    done = subprocess.run([binary(), folder], input=json.dumps(dossier), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return folder


def sample():
    return json.loads((ROOT / "clinic/examples/dossier.json").read_text())


def harsh():
    """Long names, long words, many rows, nothing filled in, letters that the font lacks, markup."""
    dossier = sample()
    dossier["locale"] = "en"
    dossier["patient"]["birth_name"] = "Wolfeschlegelsteinhausenbergerdorff-" * 2
    dossier["patient"]["representative"] = "<script>alert(1)</script> & Привет 🙂"
    dossier["form"]["answers"]["history"] = "Une ligne.\n\n" + "anticonstitutionnellement" * 30 + " mot" * 2500
    dossier["professional"]["practice"] = {}
    dossier["facility"] = None
    dossier["incidents"] = [
        dict(incident, id=f"inc_{index:032x}") for index in range(60) for incident in dossier["incidents"][:1]
    ]
    dossier["documents"][0]["file_name"] = "x" * 118 + ".pdf"
    return dossier


@pytest.fixture(scope="module", params=["sample", "harsh"])
def made(request, tmp_path_factory):
    dossier = {"sample": sample, "harsh": harsh}[request.param]()
    return dossier, make(tmp_path_factory.mktemp(request.param), dossier)


def elements(node, depth=0):
    """The structure tree in reading order: (tag, depth, element), and marked content as (None, page, number)."""
    if isinstance(node, int):
        return
    tag = str(node.get("/S", "")).lstrip("/")
    yield tag, depth, node
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
            yield from elements(kid, depth + 1)


def contents(node, page=None):
    page = node.get("/Pg", page)
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary) and kid.get("/Type") == "/MCR":
            yield kid.get("/Pg", page).objgen, int(kid["/MCID"])
        elif isinstance(kid, pikepdf.Dictionary):
            yield from contents(kid, page)
        else:
            yield page.objgen, int(kid)


@pytest.mark.parametrize("name", PDFS)
def test_a_pdf_says_that_it_is_accessible_and_archivable(made, name):
    dossier, folder = made
    with pikepdf.open(folder / name) as pdf:
        assert pdf.Root.MarkInfo.Marked
        assert str(pdf.Root.Lang) == {"fr": "fr-FR", "en": "en-GB"}[dossier["locale"]]
        assert pdf.Root.ViewerPreferences.DisplayDocTitle
        with pdf.open_metadata() as meta:
            assert meta["pdfuaid:part"] == "1"
            assert (meta["pdfaid:part"], meta["pdfaid:conformance"]) == ("2", "A")
            assert meta["dc:title"]
        assert "/OutputIntents" in pdf.Root and "/Outlines" in pdf.Root
        for page in pdf.pages:
            assert page.Tabs == "/S"
            for font in page.Resources.get("/Font", {}).values():
                assert "/ToUnicode" in font
                described = font.DescendantFonts[0].FontDescriptor
                assert "/FontFile2" in described or "/FontFile3" in described
        assert pdf.check_pdf_syntax() == []


@pytest.mark.parametrize("name", PDFS)
def test_the_tags_of_a_pdf_make_sense(made, name):
    _, folder = made
    with pikepdf.open(folder / name) as pdf:
        tree = list(elements(pdf.Root.StructTreeRoot.K[0] if isinstance(pdf.Root.StructTreeRoot.K, pikepdf.Array) else pdf.Root.StructTreeRoot.K))
        tags = [tag for tag, _, _ in tree]
        assert tags[0] == "Document"
        levels = [int(tag[1:]) for tag in tags if re.fullmatch(r"H\d", tag)]
        assert levels.count(1) == 1 and levels[0] == 1
        assert all(after <= before + 1 for before, after in zip(levels, levels[1:])), "a heading level is skipped"
        for tag, _, table in tree:
            if tag != "Table":
                continue
            rows = [node for inner, _, node in elements(table) if inner == "TR"]
            widths = {len([1 for cell, depth, _ in elements(row) if depth == 1]) for row in rows}
            assert len(widths) == 1, "rows of different widths"
            heads = [node for inner, _, node in elements(table) if inner == "TH"]
            assert heads
            for head in heads:
                attributes = head.A if isinstance(head.A, pikepdf.Array) else [head.A]
                assert any("/Scope" in entry for entry in attributes)


@pytest.mark.parametrize("name", PDFS)
def test_everything_on_a_page_is_tagged_or_an_artifact_and_read_in_order(made, name):
    _, folder = made
    with pikepdf.open(folder / name) as pdf:
        pages = [page.objgen for page in pdf.pages]
        order = [(pages.index(page), number) for page, number in contents(pdf.Root.StructTreeRoot)]
        seen = []
        for index, page in enumerate(pdf.pages):
            depth = 0
            for operands, operator in pikepdf.parse_content_stream(page):
                operator = str(operator)
                if operator in ("BDC", "BMC"):
                    depth += 1
                    if operator == "BDC" and "/MCID" in operands[1]:
                        seen.append((index, int(operands[1]["/MCID"])))
                elif operator == "EMC":
                    depth -= 1
                elif operator in ("Tj", "TJ", "f", "S", "B"):
                    assert depth > 0, f"unmarked content on page {index + 1}"
        assert sorted(order) == sorted(seen), "content without a place in the tree"
        # Cells of a row that goes on over pages come back to the page before; nothing else does.
        back = sum(after < before for before, after in zip(order, order[1:]))
        assert back <= len(pages) * 12


def text_of(path):
    return subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout


def test_the_report_has_what_the_law_asks_for_and_no_social_security_number(made):
    dossier, folder = made
    text = text_of(folder / "report.pdf")
    wanted = ["Dumas", "12345678903", "10101010105", "TCG", "14:32:07", "18\xa0min\xa018\xa0s", "13:40:20".replace("13", "14")]
    for word in wanted:
        assert word in text or word.replace("\xa0", " ") in text, word
    assert NIR not in re.sub(r"\s", "", text)
    assert dossier["locale"] != "fr" or "Coupure côté patient" in text


def test_the_same_dossier_gives_the_same_files(made, tmp_path):
    dossier, folder = made
    again = make(tmp_path, copy.deepcopy(dossier))
    for file in folder.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


def test_fhir_resources_reads_the_bundle(made):
    """FHIR R4B: the nearest to R4 that the library has; none of the resources here differ between the two."""
    _, folder = made
    text = (folder / "bundle.json").read_text()
    bundle = Bundle.model_validate_json(text)
    kinds = [entry.resource.__resource_type__ for entry in bundle.entry]
    assert bundle.type == "document" and kinds[0] == "Composition"
    assert {"Patient", "Practitioner", "PractitionerRole", "Encounter", "Appointment", "Consent", "Binary"} <= set(kinds)
    assert NIR not in text
    pdf = next(entry.resource.data for entry in bundle.entry if entry.resource.__resource_type__ == "Binary")
    raw = json.loads(text)["entry"][-1]["resource"]["data"]
    assert pdf and base64.b64decode(raw) == (folder / "report.pdf").read_bytes()


V3 = {"h": "urn:hl7-org:v3"}
HEADER = [
    "realmCode", "typeId", "templateId", "id", "code", "title", "effectiveTime", "confidentialityCode", "languageCode",
    "setId", "versionNumber", "copyTime", "recordTarget", "author", "dataEnterer", "informant", "custodian",
    "informationRecipient", "legalAuthenticator", "authenticator", "participant", "inFulfillmentOf", "documentationOf",
    "relatedDocument", "authorization", "componentOf", "component",
]


def test_the_cda_follows_the_rules_of_a_telemedicine_report(made):
    dossier, folder = made
    root = etree.parse(folder / "cda.xml").getroot()
    find = lambda path: root.xpath(path, namespaces=V3)
    # POCD_MT000040: the elements of the header in their order.
    places = [HEADER.index(etree.QName(child).localname) for child in root]
    assert places == sorted(places)
    assert {*find("h:templateId/@root")} >= {
        "2.16.840.1.113883.2.8.2.1", "1.2.250.1.213.1.1.1.1", "1.3.6.1.4.1.19376.1.2.20",
    }
    # CI-SIS_TLM-CR: the code of the document, acts of the value set, a virtual encounter.
    assert find("h:code/@code") == ["85208-7"] and find("h:code/@codeSystem") == ["2.16.840.1.113883.6.1"]
    acts = find("h:documentationOf/h:serviceEvent/h:code[@codeSystem='1.2.250.1.215.200.3.3']/@code")
    assert acts and set(acts) <= {"TCG", "TC", "TE1", "TE2", "TLD", "TLL", "TLM", "TLS"}
    encounter = "h:componentOf/h:encompassingEncounter/h:code"
    assert find(f"{encounter}/@code") == ["VR"] and find(f"{encounter}/@codeSystem") == ["2.16.840.1.113883.5.4"]
    assert find("h:author/h:assignedAuthor/h:id/@extension") == ["812345678903"]
    assert find("h:legalAuthenticator/h:assignedEntity/h:id/@root") == ["1.2.250.1.71.4.2.1"]
    for time in find("//@value[parent::h:time or parent::h:low or parent::h:high or parent::h:effectiveTime]"):
        assert re.fullmatch(r"\d{14}[+-]\d{4}", time), time
    assert dossier["patient"]["birth_name"].upper() in find("h:recordTarget//h:family[@qualifier='BR']/text()")
    body = find("h:component/h:nonXMLBody/h:text")[0]
    assert (body.get("mediaType"), body.get("representation")) == ("application/pdf", "B64")
    assert base64.b64decode(body.text, validate=True) == (folder / "report.pdf").read_bytes()
    assert NIR not in "".join(find("h:recordTarget//@*"))


def test_the_billing_csv_reads_in_any_spreadsheet(made):
    dossier, folder = made
    data = (folder / "billing.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=";", strict=True))
    assert len(rows) == len(dossier["form"]["acts"])
    assert rows[0]["act_code"] == "TCG" and rows[0]["act_amount"] == "25,00"
    assert (rows[0]["nir"], rows[0]["nir_key"], rows[0]["birth_date"]) == (NIR, "38", "14/08/1955")
    assert None not in rows[0]


def test_the_zip_holds_what_its_manifest_lists_and_the_page_that_checks_it(made):
    _, folder = made
    with zipfile.ZipFile(folder / "export.zip") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        assert [file["path"] for file in manifest["files"]] + ["manifest.json"] == names
        for file in manifest["files"]:
            content = archive.read(file["path"])
            assert hashlib.sha256(content).hexdigest() == file["sha256"] and len(content) == file["bytes"]
        page = archive.read("verify.html").decode()
        assert "default-src 'none'" in page
        for kind in ("script", "style"):
            inner = re.search(rf"<{kind}>(.*?)</{kind}>", page, re.S).group(1)
            allowed = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
            assert f"{kind}-src 'sha256-{allowed}'" in page
