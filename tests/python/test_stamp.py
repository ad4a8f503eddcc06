"""What outside judges see of a signature on a document: poppler's pixels, pikepdf's tree, pyHanko and pdfsig for the seal.

The files come from clinic/examples (documents, stamp, seal), which are built with the tests."""

import subprocess

import numpy
import pikepdf
import pytest
from PIL import Image

import test_documents
from test_documents import binary, make, sample
from test_seal import judged, seal

BOX = (0.55, 0.7, 0.3, 0.1)
DPI = 100


def stamp(source, picture, target, page=0, box=BOX):
    command = [binary().with_name("stamp"), source, picture, target, str(page), *map(str, box)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    """Four by one: red, then blue, on the whole height, with a hole in the middle."""
    image = Image.new("RGBA", (400, 100), (0, 0, 0, 0))
    image.paste((200, 0, 0, 255), (0, 0, 100, 100))
    image.paste((0, 0, 200, 255), (300, 0, 400, 100))
    path = tmp_path_factory.mktemp("ink") / "ink.png"
    image.save(path)
    return path


def shown(path, page=1):
    command = ["pdftoppm", "-r", str(DPI), "-f", str(page), "-l", str(page), "-cropbox", "-png", "-aa", "no", "-singlefile"]
    subprocess.run([*command, path, path.with_suffix("")], check=True, capture_output=True)
    with Image.open(path.with_suffix(".png")) as image:
        return numpy.asarray(image.convert("RGB")).astype(int)


def paper(path, **keys):
    """Two pages with something all over them, and a graphics state that is left open and moved."""
    pdf = pikepdf.new()
    for index in range(2):
        page = pdf.add_blank_page(page_size=(400, 600))
        lines = "".join(f"{n * 20} 0 10 600 re f\n" for n in range(20))
        page.Contents = pdf.make_stream(f"0.8 g {lines} q 3 0 0 3 50 50 cm 0 g q".encode())
        if index == 1:
            for key, value in keys.items():
                page[f"/{key}"] = value
    pdf.save(path)
    return path


def within(before, after, box):
    """The pixels that changed: some, and all of them within the box, give or take two: poppler rounds the page up to whole pixels."""
    assert before.shape == after.shape
    rows, columns = numpy.nonzero((before != after).any(axis=2))
    assert len(rows) > 0, "nothing is to be seen"
    height, width = before.shape[:2]
    x, y, w, h = box
    assert x * width - 2 <= columns.min() and columns.max() <= (x + w) * width + 2
    assert y * height - 2 <= rows.min() and rows.max() <= (y + h) * height + 2
    return rows, columns


PAGES = [
    {"Rotate": rotate, **box}
    for rotate in (0, 90, 180, 270, -90, 450)
    for box in ({}, {"MediaBox": [-50, 20, 450, 700], "CropBox": [30, 60, 330, 480]})
]


@pytest.mark.parametrize("keys", PAGES, ids=str)
def test_the_page_differs_within_the_box_alone_and_the_picture_stands_upright(tmp_path, picture, keys):
    source = paper(tmp_path / "plain.pdf", **keys)
    target = tmp_path / "stamped.pdf"
    code, error = stamp(source, picture, target)
    assert code == 0, error
    assert target.read_bytes().startswith(source.read_bytes())
    before, after = shown(source, 2), shown(target, 2)
    rows, columns = within(before, after, BOX)
    changed = after[rows, columns]
    red = columns[(changed == (200, 0, 0)).all(axis=1)]
    blue = columns[(changed == (0, 0, 200)).all(axis=1)]
    assert len(red) and len(blue) and red.max() < blue.min(), "red is left of blue, whichever way the page is turned"
    # As large as fits: one side of the box is filled, and the proportions are kept.
    width, height = columns.max() - columns.min() + 1, rows.max() - rows.min() + 1
    assert abs(width / height - 4) < 0.25
    room = (BOX[2] * before.shape[1], BOX[3] * before.shape[0])
    assert abs(width - room[0]) < 3 or abs(height - room[1]) < 3
    assert (shown(source, 1) == shown(target, 1)).all()


def test_what_is_transparent_shows_what_is_below(tmp_path, picture):
    source = paper(tmp_path / "plain.pdf")
    stamp(source, picture, tmp_path / "stamped.pdf", box=(0.2, 0.2, 0.6, 0.1))
    before, after = shown(source, 2), shown(tmp_path / "stamped.pdf", 2)
    height, width = before.shape[:2]
    middle = (slice(int(height * 0.2), int(height * 0.3)), slice(int(width * 0.45), int(width * 0.55)))
    assert (before[middle] == after[middle]).all()


@pytest.mark.parametrize("name", ["report.pdf", "billing.pdf"])
def test_a_stamped_and_sealed_document_is_sound_accessible_and_archivable(tmp_path, picture, name):
    folder = make(tmp_path, sample())
    target = folder / "stamped.pdf"
    code, error = stamp(folder / name, picture, target, page=1)
    assert code == 0, error
    within(shown(folder / name), shown(target), BOX)
    code, error, _ = seal(folder, target, folder / "sealed.pdf")
    assert code == 0, error
    assert (folder / "sealed.pdf").read_bytes().startswith(target.read_bytes())
    within(shown(folder / name), shown(folder / "sealed.pdf"), BOX)

    signature, status = judged(folder, folder / "sealed.pdf")
    assert status.intact and status.valid and status.trusted and status.coverage.name == "ENTIRE_FILE"
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    said = subprocess.run(["pdfsig", "-nocert", folder / "sealed.pdf"], capture_output=True, text=True).stdout
    assert "Signature is Valid" in said and "Total document signed" in said, said

    renamed = folder / "as-before"
    renamed.mkdir()
    (renamed / name).write_bytes((folder / "sealed.pdf").read_bytes())
    made = sample(), renamed
    test_documents.test_a_pdf_says_that_it_is_accessible_and_archivable(made, name)
    test_documents.test_the_tags_of_a_pdf_make_sense(made, name)
    test_documents.test_everything_on_a_page_is_tagged_or_an_artifact_and_read_in_order(made, name)
    with pikepdf.open(folder / "sealed.pdf") as pdf:
        figures = [entry for entry in pdf.objects if isinstance(entry, pikepdf.Dictionary) and entry.get("/S") == "/Figure"]
        assert [str(figure.Alt) for figure in figures] == ["Signature de Dr Camille Laurent"]
        assert pdf.check_pdf_syntax() == [] if hasattr(pdf, "check_pdf_syntax") else pdf.check() == []
    assert subprocess.run(["pdffonts", folder / "sealed.pdf"], capture_output=True).stderr == b""


def test_a_document_that_is_sealed_is_not_stamped(tmp_path, picture):
    folder = make(tmp_path, sample())
    seal(folder, folder / "report.pdf", folder / "sealed.pdf")
    code, error = stamp(folder / "sealed.pdf", picture, folder / "stamped.pdf")
    assert code != 0 and "Signed" in error
    assert not (folder / "stamped.pdf").exists()
