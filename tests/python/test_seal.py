"""What outside judges say of the seal: pyHanko, and pdfsig (poppler) where it is installed.

The files come from clinic/examples/documents.rs and clinic/examples/seal.rs, which are built with the tests."""

import hashlib
import json
import shutil
import subprocess

import pikepdf
import pytest
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

import test_documents
from test_documents import binary, make, sample

PDFS = ["report.pdf", "billing.pdf"]


def seal(folder, source, target):
    done = subprocess.run([binary().with_name("seal"), folder, source, target], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr, json.loads(done.stdout) if done.returncode == 0 else None


@pytest.fixture(scope="module")
def sealed(tmp_path_factory):
    folder = make(tmp_path_factory.mktemp("sealed"), sample())
    seals = {}
    for name in PDFS:
        code, error, seals[name] = seal(folder, folder / name, folder / f"sealed-{name}")
        assert code == 0, error
    return folder, seals


def judged(folder, path):
    root = load_cert_from_pemder(folder / "seal.crt")
    with open(path, "rb") as file:
        signatures = PdfFileReader(file).embedded_signatures
        assert len(signatures) == 1
        context = ValidationContext(trust_roots=[root])
        return signatures[0], validate_pdf_signature(signatures[0], context)


@pytest.mark.parametrize("name", PDFS)
def test_pyhanko_finds_the_seal_sound_over_the_whole_file(sealed, name):
    folder, seals = sealed
    signature, status = judged(folder, folder / f"sealed-{name}")
    assert status.intact and status.valid and status.trusted
    assert status.coverage.name == "ENTIRE_FILE"
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert signature.sig_object["/M"]
    kinds = {attribute["type"].native for attribute in signature.signer_info["signed_attrs"]}
    assert kinds == {"content_type", "message_digest", "signing_certificate_v2"}
    assert seals[name]["certificate"] == hashlib.sha256(signature.signer_cert.dump()).hexdigest()


@pytest.mark.parametrize("name", PDFS)
def test_pyhanko_sees_that_a_byte_was_changed(sealed, name, tmp_path):
    folder, _ = sealed
    changed = bytearray((folder / f"sealed-{name}").read_bytes())
    # In the comment behind the header: the file can be read as before.
    changed[changed.index(b"%", 5) + 2] ^= 1
    (tmp_path / "changed.pdf").write_bytes(changed)
    _, status = judged(folder, tmp_path / "changed.pdf")
    assert not status.intact


@pytest.mark.skipif(shutil.which("pdfsig") is None, reason="poppler-utils has no pdfsig here")
@pytest.mark.parametrize("name", PDFS)
def test_pdfsig_finds_the_signature_valid(sealed, name):
    folder, _ = sealed
    said = subprocess.run(["pdfsig", "-nocert", folder / f"sealed-{name}"], capture_output=True, text=True).stdout
    assert "Signature is Valid" in said, said
    assert "Total document signed" in said, said
    assert "ETSI.CAdES.detached" in said, said


@pytest.mark.parametrize("name", PDFS)
def test_a_sealed_document_is_the_document_and_still_accessible_and_archivable(sealed, name):
    folder, _ = sealed
    plain = (folder / name).read_bytes()
    target = folder / f"sealed-{name}"
    assert target.read_bytes().startswith(plain)
    renamed = folder / "as-before"
    renamed.mkdir(exist_ok=True)
    (renamed / name).write_bytes(target.read_bytes())
    made = sample(), renamed
    test_documents.test_a_pdf_says_that_it_is_accessible_and_archivable(made, name)
    test_documents.test_the_tags_of_a_pdf_make_sense(made, name)
    test_documents.test_everything_on_a_page_is_tagged_or_an_artifact_and_read_in_order(made, name)
    with pikepdf.open(target) as pdf:
        assert pdf.Root.AcroForm.SigFlags == 3
        widget = pdf.Root.AcroForm.Fields[0]
        # PDF/A-2, 6.3.2: printed, neither hidden nor without a view; no appearance for a field without a size.
        assert widget.F & 4 and not widget.F & (1 | 2 | 32)
        assert [float(side) for side in widget.Rect] == [0, 0, 0, 0]
        assert widget.objgen in [annotation.objgen for annotation in pdf.pages[0].Annots]


def test_a_document_that_is_sealed_is_not_sealed_again(sealed, tmp_path):
    folder, _ = sealed
    code, error, _ = seal(folder, folder / "sealed-report.pdf", tmp_path / "twice.pdf")
    assert code != 0 and "Signed" in error
    assert not (tmp_path / "twice.pdf").exists()
