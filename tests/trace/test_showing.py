"""A trace as text and as a page: what is explained, what is marked, and that hostile or many records do no harm."""

import time
from pathlib import Path

from support.browser import check_page, opened

from scardffi.trace import Record, _page, _time_line

SELECT = Record(
    "SCardTransmit",
    0,
    10**18,
    120_000_000,
    7,
    8,
    {"handle": 0x1234},
    bytes.fromhex("00A4040005A000000003"),
    bytes.fromhex("6F078405A0000000039000"),
)
FAILED = Record("SCardTransmit", 0, 10**18 + 10**9, 20_000, 7, 9, {"handle": 1}, b"\x00\xb0\x00\x00\x04", b"\x6a\x82")
WAIT = Record("SCardGetStatusChange", 0x8010000A, 10**18 + 2 * 10**9, 10**9, 7, 8, {"context": 1, "timeout": 1000})
VERIFY = Record(
    "SCardTransmit", 0, 10**18, 10_000, 7, 8, {}, b"\x00\x20\x00\x80\x04\x00\x00\x00\x00", b"\x63\xc2", removed=(5, 4)
)
CONNECT = Record(
    "SCardConnect", 0, 10**18, 10, 7, 8, {"reader": "A", "share_mode": 2, "protocols": 3, "handle": 5, "protocol": 2}
)
STATUS = Record("SCardStatus", 0, 10**18, 10, 7, 8, {"handle": 5, "state": 0x34, "atr": "3B888001736361726466666907"})
STATES = {"states": [{"reader": "A", "current": 0, "event": 0x00030022}]}
HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)>&amp;\x1b[31m\udcff\u202e$title"


def text(*records: Record) -> str:
    return "\n".join(_time_line.lines(records))


def test_a_line_says_when_how_long_and_what_with_the_status_word_in_words() -> None:
    line = text(SELECT).splitlines()[0]
    assert line.split(maxsplit=4)[:4] == ["0.000000", "120.0", "ms", "slow"]
    assert line.endswith("[1] SCardTransmit SELECT 00A4040005A000000003 -> 6F078405A000000003 9000 (success)")


def test_data_objects_are_shown_as_a_tree() -> None:
    assert [line.strip() for line in text(SELECT).splitlines()[1:4]] == [
        "received:",
        "6F file control information",
        "84 DF name: A0 00 00 00 03",
    ]
    assert "received:" not in text(SELECT._replace(response=bytes.fromhex("000102039000")))


def test_threads_have_numbers_and_only_calls_that_take_long_are_slow() -> None:
    lines = [line for line in text(SELECT, FAILED, WAIT).splitlines() if " [" in line[:30]]
    assert ["[1]" in lines[0], "[2]" in lines[1], "[1]" in lines[2]] == [True] * 3
    assert [" slow " in line for line in lines] == [True, False, False]  # a wait for a card is not slow
    assert " slow " in next(_time_line.lines([FAILED], slow=10e-6))


def test_a_failed_call_has_the_codes_name_meaning_and_remedy() -> None:
    lines = text(WAIT).splitlines()
    assert lines[0].endswith("timeout=1000 SCARD_E_TIMEOUT")
    assert lines[1].strip() == "the timeout expired. Use a longer timeout, or go on."


def test_numbers_have_names_and_an_atr_is_explained_once() -> None:
    said = text(CONNECT, STATUS, STATUS)
    assert "reader='A' share_mode=SHARED protocols=T0|T1 handle=0x5 protocol=T1" in said
    assert "state=PRESENT|POWERED|NEGOTIABLE" in said
    assert said.count("convention: direct") == 1
    assert "{'A' current=0 event=CHANGED|PRESENT counter=3}" in text(WAIT._replace(arguments=STATES))


def test_removed_bytes_are_stars() -> None:
    assert "VERIFY 0020008004******** -> 63C2 (" in text(VERIFY)


def test_the_end_says_how_long_each_function_took() -> None:
    lines = text(SELECT, FAILED, WAIT).splitlines()
    place = lines.index("3 calls in 3.00 s, 1 process, 2 threads; 1 slow (100.0 ms or more), 1 failed")
    rows = [line.split() for line in lines[place + 2 :]]
    assert rows[0][:3] == ["SCardGetStatusChange", "1", "1"]
    assert rows[1] == ["SCardTransmit", "2", "0", "120.0", "ms", "60.0", "ms", "120.0", "ms"]
    assert text() == "\n0 calls in 0.0 us, 0 processes, 0 threads; 0 slow (100.0 ms or more), 0 failed"


def test_text_has_no_character_that_controls_a_terminal() -> None:
    said = text(CONNECT._replace(function=HOSTILE, arguments={HOSTILE: HOSTILE, "reader": HOSTILE}))
    assert all(line.isprintable() for line in said.splitlines())


def write_page(folder: Path, *records: Record, title: str = "trace.pcapng") -> Path:
    file = folder / "page.html"
    file.write_text(_page.page(records, title), encoding="utf-8")
    return file


def test_the_page_can_be_read_on_a_narrow_screen_in_both_modes(tmp_path: Path) -> None:
    said = check_page(write_page(tmp_path, SELECT, FAILED, WAIT, CONNECT, STATUS), tmp_path)
    assert "84 DF name: A0 00 00 00 03" in said
    assert "6A82 (file or application not found)" in said
    assert "convention: direct" in said
    assert "5 calls in 3.00 s" in said


def test_hostile_names_are_text_on_the_page(tmp_path: Path) -> None:
    hostile = CONNECT._replace(function=HOSTILE, arguments={"reader": HOSTILE, HOSTILE: [HOSTILE]})
    with opened(write_page(tmp_path, hostile, SELECT, title=HOSTILE)) as page:
        assert page.title().startswith("</script><script>document.title=")
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 2
        assert "<img src=x onerror=alert(1)>&amp;" in page.inner_text("li")


def test_the_page_shows_a_part_of_100_000_calls_and_finds_each(tmp_path: Path) -> None:
    many = [
        (SELECT if place % 1000 == 999 else FAILED)._replace(
            time_ns=10**18 + place * 10**6, arguments={"handle": place}
        )
        for place in range(100_000)
    ]
    file = write_page(tmp_path, *many)
    with opened(file) as page:
        begin = time.monotonic()
        assert page.locator("li").count() == 200
        assert page.inner_text("output") == "1 to 200 of 100000"
        page.click("text=After")
        assert page.inner_text("output") == "201 to 400 of 100000"
        page.check("input[name=slow]")
        assert page.inner_text("output") == "1 to 100 of 100"
        page.fill("input[type=search]", "dF NaMe")
        assert page.inner_text("output") == "1 to 100 of 100"
        page.fill("input[type=search]", "no such text")
        assert page.inner_text("output") == "no call"
        page.dispatch_event("rect:last-of-type", "click")
        assert page.inner_text("li:nth-child(3) .when").startswith("100000 · 99.999000 s · 120.0 ms slow")
        assert time.monotonic() - begin < 10  # without the start of the browser
