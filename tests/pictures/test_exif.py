"""What headers of pictures tell, on headers written by hand."""

import datetime
import io
import struct

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from camtrap_tf.core.config import PictureSpec
from camtrap_tf.pictures import exif, files
from camtrap_tf.pictures.exif import Facts

SECOND = datetime.datetime(2024, 5, 1, 10, 13, 17)
ORIGINAL, DIGITISED, MODIFIED, COMMENT, MAKER_NOTE = 0x9003, 0x9004, 0x0132, 0x9286, 0x927C


def jpeg(own: dict | None = None, first: dict | None = None, gps: dict | None = None) -> bytes:
    """A grey JPEG with tags in the EXIF directory, the first one and that of the satellites."""
    header = Image.Exif()
    header.update(first or {})
    for tag, values in ((0x8769, own), (0x8825, gps)):
        if values:
            header.get_ifd(tag).update(values)
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG", exif=header)
    return buffer.getvalue()


def told(tmp_path, content: bytes, name: str = "a.jpg") -> Facts:
    (tmp_path / name).write_bytes(content)
    return exif.read(tmp_path / name)


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        ("2024:05:01 10:13:17", SECOND),
        ("2024-05-01 10:13:17", SECOND),
        ("2024-05-01T10:13:17", SECOND),
        ("2024/05/01 10:13:17", SECOND),
        ("2024:05:01 10:13:17 AM", SECOND),
        ("2024:05:01 10:13:17 PM", SECOND.replace(hour=22)),
        ("2024:05:01 12:00:00 AM", datetime.datetime(2024, 5, 1)),
        ("2024:05:01 12:00:00 pm", datetime.datetime(2024, 5, 1, 12)),
        ("2024:05:01 22:13:17 PM", SECOND.replace(hour=22)),
        ("2024:12:31 24:00:05", datetime.datetime(2025, 1, 1, 0, 0, 5)),
        ("2024:05:01 10:13:60", datetime.datetime(2024, 5, 1, 10, 14)),
        ("2024:05:01 10:13", SECOND.replace(second=0)),
        ("2024:05:01 10:13:17.25", SECOND.replace(microsecond=250_000)),
        ("2024-05-01T10:13:17.1234567Z", SECOND.replace(microsecond=123_456)),
        ("0000:00:00 00:00:00", None),
        ("    :  :     :  :  ", None),
        ("2024:13:01 10:13:17", None),
        ("2024:05:01 25:13:17", None),
        ("", None),
    ],
)
def test_times_as_cameras_write_them(words, taken):
    assert exif.parse(words)[0] == taken


@pytest.mark.parametrize(
    ("words", "minutes"),
    [("Z", 0), ("+02:00", 120), ("-0930", -570), ("+99:00", None), ("", None)],
)
def test_offsets(words, minutes):
    assert exif.parse(f"2024-05-01T10:13:17{words}") == (SECOND, minutes)


def test_the_most_trustworthy_tag_that_holds_a_time(tmp_path):
    times = {number: f"2024:05:0{number} 10:13:17" for number in (1, 2, 3)}
    own, first = {ORIGINAL: times[1], DIGITISED: times[2]}, {MODIFIED: times[3]}
    gps = {29: "2024:05:04", 7: (10.0, 13.0, 17.0)}
    found = told(tmp_path, jpeg(own, first, gps))
    assert (found.taken, found.source) == (SECOND, "capture")
    own[ORIGINAL] = "0000:00:00 00:00:00"
    found = told(tmp_path, jpeg(own, first, gps))
    assert (found.taken, found.source) == (SECOND.replace(day=2), "digitised")
    own[DIGITISED] = "    :  :     :  :  \0"
    found = told(tmp_path, jpeg(own, first, gps))
    assert (found.taken, found.source) == (SECOND.replace(day=4), "gps")
    found = told(tmp_path, jpeg(own, first))
    assert (found.taken, found.source) == (SECOND.replace(day=3), "modification")
    found = told(tmp_path, jpeg(own))
    assert (found.taken, found.source) == (None, None)


def test_satellites_time_is_brought_to_the_cameras_clock_where_its_offset_is_known(tmp_path):
    gps = {29: "2024:05:01", 7: (23.0, 30.0, 0.0)}
    found = told(tmp_path, jpeg({0x9011: "+02:00"}, gps=gps))
    assert found == Facts(datetime.datetime(2024, 5, 2, 1, 30), "gps", 120)


def test_fractions_of_a_second_and_offsets_stand_beside_their_time(tmp_path):
    own = {ORIGINAL: "2024:05:01 10:13:17", 0x9291: "05 ", 0x9011: "-03:30"}
    found = told(tmp_path, jpeg(own | {0x9292: "99", 0x9012: "+01:00"}))
    assert found == Facts(SECOND.replace(microsecond=50_000), "capture", -210)
    assert told(tmp_path, jpeg(own | {0x9291: "x", 0x9011: "   :  "})) == Facts(SECOND, "capture")


def test_a_time_zone_of_hours_beside_a_local_time_is_not_believed(tmp_path):
    # Reconyx writes TimeZoneOffset 0, or the local one, whatever the clock shows.
    found = told(tmp_path, jpeg({ORIGINAL: "2024:05:01 10:13:17", 0x882A: -9}))
    assert found == Facts(SECOND, "capture")


@pytest.mark.parametrize("share", [0.9, 0.5, 0.3])
def test_the_time_of_a_truncated_file_is_kept(tmp_path, share):
    content = jpeg({ORIGINAL: "2024:05:01 10:13:17"}, {0x0110: "TRAP 3"})
    found = told(tmp_path, content[: round(share * len(content))])
    assert (found.taken, found.camera) == (SECOND, "TRAP 3")


def test_a_file_cut_off_in_its_header(tmp_path):
    content = jpeg({ORIGINAL: "2024:05:01 10:13:17"})
    end = content.index(b"2024:05:01") + 20
    assert told(tmp_path, content[:end]).taken == SECOND
    assert told(tmp_path, content[:40]) == Facts()
    assert told(tmp_path, b"") == exif.read(tmp_path / "absent.jpg") == Facts()


@pytest.mark.parametrize("words", ["IMG_3of2.JPG", "IMG_0of3.JPG", "M 4/3", "1 of 0"])
def test_no_burst_has_a_picture_beyond_its_last(words):
    assert exif.burst_in(words) is None


def test_bursts_in_comments_and_names(tmp_path):
    assert told(tmp_path, jpeg({COMMENT: b"ASCII\0\0\0M 2/3"})).burst == (2, 3)
    assert told(tmp_path, jpeg(first={0x010E: "3 of 5"})).burst == (3, 5)
    assert told(tmp_path, jpeg(), "RCNX0012_2of3.JPG").burst == (2, 3)
    assert told(tmp_path, b"", "RCNX0012_2of3.JPG").burst == (2, 3)


def hyperfire(trigger: bytes, burst: tuple, number: tuple) -> bytes:
    """A MakerNote as a HyperFire writes it."""
    start = b"\x01\xf1\x04\0" + bytes(8) + trigger + b"\0"
    return start + struct.pack("<4H", *burst, *number) + bytes(20) + "P900HH".encode("utf-16-le")


def test_maker_notes_of_reconyx(tmp_path):
    first = {0x010F: "RECONYX", 0x0110: "PC900"}
    note = hyperfire(b"M", (2, 10), (1, 7)).ljust(120, b"\0")
    found = told(tmp_path, jpeg({MAKER_NOTE: note}, first))
    assert (found.burst, found.trigger) == ((2, 10), 0x10007)
    assert found.camera == "RECONYX PC900 P900HH"
    newer = b"RECONYXH2\0".ljust(0x34, b"\0") + b"M\0" + struct.pack("<4H", 3, 3, 0, 51)
    newer = newer.ljust(0x7E, b"\0") + "H2RXEM".encode("utf-16-le").ljust(30, b"\0")
    found = told(tmp_path, jpeg({MAKER_NOTE: newer}, first))
    assert (found.burst, found.trigger, found.camera) == ((3, 3), 51, "RECONYX PC900 H2RXEM")
    ultra = b"RECONYXUF\0".ljust(0x34, b"\0") + b"M" + struct.pack("<2BI", 2, 5, 55)
    ultra = ultra.ljust(0x4B, b"\0") + b"UWR6".ljust(15, b"\0")
    found = told(tmp_path, jpeg({MAKER_NOTE: ultra}, first))
    assert (found.burst, found.trigger, found.camera) == ((2, 5), 55, "RECONYX PC900 UWR6")


def test_maker_notes_that_tell_nothing_of_a_trigger(tmp_path):
    # By the clock: 0 of 0, with the number of the last trigger.
    note = hyperfire(b"T", (0, 0), (0, 5)).ljust(120, b"\0")
    found = told(tmp_path, jpeg({MAKER_NOTE: note}))
    assert (found.burst, found.trigger, found.camera) == (None, None, "P900HH")
    for note in (b"\x01\xf1", hyperfire(b"?", (1, 3), (0, 5)), b"RECONYXUF\0", b"\0" * 200):
        assert told(tmp_path, jpeg({MAKER_NOTE: note})) == Facts()


def test_triggers_of_real_cameras(shared_data):
    names = [f"S01_IMG_00{number}.JPG" for number in (19, 20, 21, 22)]
    found = [exif.read(shared_data / "london" / "images" / name) for name in names]
    assert [one.burst for one in found] == [(9, 10), (10, 10), (1, 10), (2, 10)]
    assert [one.trigger for one in found] == [2, 2, 3, 3]
    assert {one.camera for one in found} == {"RECONYX PC900 PROFESSIONAL P900HH10219737"}
    # One second lies between the two triggers.
    assert (found[2].taken - found[1].taken).total_seconds() == 1


def test_the_time_of_a_maker_note_where_no_tag_has_one(tmp_path):
    note = hyperfire(b"M", (2, 10), (1, 7))
    note = (note[:22] + struct.pack("<6H", 17, 13, 10, 5, 1, 2024) + note[34:]).ljust(120, b"\0")
    blank = {ORIGINAL: "0000:00:00 00:00:00", MAKER_NOTE: note}
    found = told(tmp_path, jpeg(blank, {MODIFIED: "2024:06:01 00:00:00"}))
    assert (found.taken, found.source) == (datetime.datetime(2024, 5, 1, 10, 13, 17), "maker")
    assert told(tmp_path, jpeg({**blank, DIGITISED: "2024:05:02 10:13:17"})).source == "digitised"


@pytest.mark.parametrize(
    "words",
    [
        '<x exif:DateTimeOriginal="2024-05-01T10:13:17" xmp:CreateDate="2020-01-01T00:00:00"/>',
        "<exif:DateTimeOriginal>2024-05-01T10:13:17</exif:DateTimeOriginal>",
        "<photoshop:DateCreated>2024:05:01 10:13:17</photoshop:DateCreated>",
        "<x xmp:CreateDate='2024-05-01T10:13:17'/>",
    ],
)
def test_the_time_of_an_xmp_where_the_header_has_none(tmp_path, words):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", xmp=words.encode())
    assert told(tmp_path, buffer.getvalue()) == Facts(SECOND, "xmp")
    glance = files.glance(buffer.getvalue())
    assert glance.facts == Facts(SECOND, "xmp")


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("part", [1.0, 0.5])
def test_a_png_tells_alike_before_and_after_its_pixels(tmp_path, late, part):
    """The half of one that was cut off tells what stands before them."""
    header, words = Image.Exif(), PngInfo()
    header.update({0x0112: 6, MODIFIED: "2024:05:01 10:13:17"})
    words.add_itxt("XML:com.adobe.xmp", '<x xmp:CreateDate="2024-05-01T10:13:17"/>')
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    for options, source in (({"exif": header}, "modification"), ({"pnginfo": words}, "xmp")):
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, "PNG", **options)
        content = pixels_first(buffer.getvalue()) if late else buffer.getvalue()
        content = content[: round(len(content) * part)]
        known = part == 1 or not late
        assert told(tmp_path, content, "a.png") == (Facts(SECOND, source) if known else Facts())
        if part == 1:
            seen = files.read(content, PictureSpec(size=16))
            assert (seen.width, seen.height) == ((40, 60) if "exif" in options else (60, 40))
            assert seen.facts == Facts(SECOND, source)


def pixels_first(png: bytes) -> bytes:
    """A PNG whose chunks of pixels stand right behind its header."""
    chunks, at = [], 8
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4])
        chunks.append(png[at:end])
        at = end
    order = {b"IHDR": 0, b"IDAT": 1, b"IEND": 3}
    return png[:8] + b"".join(sorted(chunks, key=lambda chunk: order.get(chunk[4:8], 2)))
