"""The page of ``scardffi bench --html`` in a browser: charts of known figures, two runs, hostile names."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.browser import NARROW, check_page, opened
from support.pcscd import PrivatePcscd

from scardffi.cli import _bench_page
from scardffi.cli._measurements import summary
from scardffi.cli.main import main

HOSTILE = "</title><script>document.title='taken'</script><img src=x onerror=alert(1)>&amp;\x1b[31m\u202e$body"
WIDE = 1280


def result(times: dict[int, list[float]], reader: str = "Desk", atr: str = "3B00") -> dict[str, Any]:
    """Return a result of bench with these times in seconds, by the length of the response."""
    rows = [
        {"command": f"00B00000{length:02X}", "length": length, "first": 0.5, **summary(seconds, length)}
        for length, seconds in times.items()
    ]
    return {
        "reader": reader, "atr": atr, "time": "2026-01-02T03:04:05+00:00", "timer_resolution": 1e-9,
        "not_shown": "A note.", "results": rows,
    }  # fmt: skip


def written(folder: Path, new: dict[str, Any], old: dict[str, Any] | None = None, old_name: str = "old.json") -> Path:
    file = folder / "page.html"
    file.write_text(_bench_page.page(new, old, old_name), encoding="utf-8")
    return file


def sizes(page: Any, selector: str) -> list[tuple[float, float]]:
    """Return width and height of each element on the screen."""
    boxes = [element.bounding_box() for element in page.locator(selector).all()]
    return [(box["width"], box["height"]) for box in boxes]


def test_the_page_of_two_runs_can_be_read_on_narrow_and_wide_screens_in_both_modes(tmp_path: Path) -> None:
    old, file = tmp_path / "old.json", tmp_path / "page.html"
    arguments = ["--virtual", "bench", "--command", "00B0000001", "--count", "50", "--lengths"]
    assert main([*arguments, "1,255", "--output", str(old)]) == 0
    assert main([*arguments, "1,16,255", "--compare", str(old), "--html", str(file)]) == 0
    said = check_page(file, tmp_path)
    assert "Exchanges with scardffi Virtual Reader 0" in said
    assert f"earlier run ({old})" in said
    with opened(file) as page:
        for width in (NARROW, WIDE):
            page.set_viewport_size({"width": width, "height": 640})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            charts = sizes(page, "svg.histogram")
            assert len(charts) == 5  # the length 16 is only in the new run
            assert all(wide > 300 and high > 80 for wide, high in charts)
            assert all(high > 1 for _, high in sizes(page, ".histogram line"))
            assert [page.locator(f".bar .{run}").count() for run in ("new", "old")] == [6, 4]


def test_bars_are_as_long_as_the_throughput_and_as_high_as_the_number_of_exchanges(tmp_path: Path) -> None:
    times = [0.001] * 10 + [0.002] * 5
    with opened(written(tmp_path, result({100: times, 50: times}))) as page:
        (long, _), (short, _) = sizes(page, "figure:first-child .bar rect")
        assert short == pytest.approx(long / 2, abs=1)
        first, last = sizes(page, "figure:first-child .histogram rect")
        assert last[1] == pytest.approx(first[1] / 2, abs=1)
        assert "this run: 15 exchanges, median 1 ms, highest bar 10" in page.inner_text("body")
        assert page.locator("text=earlier").count() == 0


def test_two_runs_are_on_one_axis_and_have_two_colours(tmp_path: Path) -> None:
    new, old = result({8: [0.001, 0.002]}), result({8: [0.003, 0.005]})
    with opened(written(tmp_path, new, old)) as page:
        places = [float(bar.get_attribute("x") or "") for bar in page.locator(".histogram rect").all()]
        assert places == sorted(places)
        colours = [element.evaluate("one => getComputedStyle(one).fill") for element in page.locator(".bar rect").all()]
        assert len(set(colours)) == 2
        assert ["median", "1.5 ms", "4 ms", "0.38"] in [
            row.locator("td").all_inner_texts() for row in page.locator("tr").all()
        ]


def test_equal_times_make_one_bar_that_can_be_seen(tmp_path: Path) -> None:
    row = {**summary([1.0], 0), "command": "00A40000", "length": 0, "first": 0.0}
    rows = [
        {**row, "median": times[0], "histogram": [(times[0], times[-1], len(times))]}
        for times in ([0.0, 0.0], [0.001] * 5, [0.001] * 200 + [9.0])
    ]
    with opened(written(tmp_path, {**result({}), "results": rows}, {**result({}), "results": rows[2:]})) as page:
        bars = sizes(page, ".histogram rect")
        assert len(bars) == 6
        assert all(wide > 2 and high > 80 for wide, high in bars)
        ends = [float(bar.get_attribute("x") or "") for bar in page.locator(".histogram rect").all()]
        assert max(ends) <= 99
        assert "bytes/s" not in page.inner_text(".charts >> nth=0")  # there is no data


def test_hostile_names_are_text_on_the_page(tmp_path: Path) -> None:
    new, old = (result({8: [0.001, 0.002]}, reader=HOSTILE, atr=HOSTILE) for _ in range(2))
    with opened(written(tmp_path, new, {**old, "time": HOSTILE}, old_name=HOSTILE)) as page:
        assert page.title().startswith("Exchanges with </title><script>document.title=")
        assert page.locator("img, script").count() == 0
        assert page.inner_text("body").count("<img src=x onerror=alert(1)>&amp;\\x1b[31m\\u202e$body") == 7


def test_the_page_of_a_card_on_pcscd_has_its_reader_and_its_chart(daemon: PrivatePcscd, tmp_path: Path) -> None:
    file, reader = tmp_path / "page.html", daemon.ifd_reader(0)
    arguments = ["--library", "libpcsclite.so.1", "bench", "--reader", reader, "--count", "5", "--html", str(file)]
    assert main(arguments) == 0
    with opened(file) as page:
        assert reader in page.inner_text("h1")
        assert page.locator(".histogram rect").count() > 0


def test_a_saved_result_is_the_one_that_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = tmp_path / "saved.json"
    assert main(["--virtual", "--json", "bench", "--count", "5", "--output", str(saved)]) == 0
    assert json.loads(saved.read_text(encoding="utf-8")) == json.loads(capsys.readouterr().out)
