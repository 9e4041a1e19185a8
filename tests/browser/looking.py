"""What is wrong with the page in a window, as sentences."""

from collections.abc import Iterator

from axe_playwright_python.sync_playwright import Axe

from tests.browser.chromium import Window

_axe = Axe()
# Everything that WCAG 2.2 AA asks for, and axe's own good practice.
_OPTIONS = {"resultTypes": ["violations"]}

# The marks of focus, compared on the element itself and on what may show it in its stead: its label, the box around it.
_FOCUS = """() => {
  const still = new CSSStyleSheet();
  still.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, still];
  const looks = (element) => [null, "::before", "::after"].map((part) => {
    const style = getComputedStyle(element, part);
    return [style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow, style.borderColor,
      style.backgroundColor, style.textDecorationLine, style.transform, style.clipPath, style.opacity].join();
  }).join(";");
  const near = (element) => {
    const all = [element, element.parentElement, element.nextElementSibling, ...(element.labels || [])];
    return all.filter(Boolean).map(looks).join("|");
  };
  const controls = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  const dull = [];
  for (const element of document.querySelectorAll(controls)) {
    if (element.disabled || !element.checkVisibility({ visibilityProperty: true })) continue;
    document.activeElement?.blur();
    const before = near(element);
    element.focus({ focusVisible: true, preventScroll: true });
    if (document.activeElement === element && near(element) === before) dull.push(element.outerHTML.slice(0, 150));
  }
  document.activeElement?.blur();
  document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== still);
  return dull;
}"""


def faults(window: Window, *, language: str) -> Iterator[str]:
    """Everything that can be told without knowing which page it is."""
    page = window.page
    yield from _axe_findings(window)
    if (beyond := window.overflow()) > 0:
        yield f"{beyond} pixels beyond the right edge: {_widest(window)}"
    for dull in page.evaluate(_FOCUS):
        yield f"focus does not show on {dull}"
    if (headings := page.locator("h1:visible").count()) != 1:
        yield f"{headings} headings of the first rank"
    if (said := page.locator("html").get_attribute("lang")) != language:
        yield f"speaks {said}"
    if not page.title().split("·")[0].strip():
        yield "no title"


def _axe_findings(window: Window) -> Iterator[str]:
    for violation in _axe.run(window.page, options=_OPTIONS).response["violations"]:
        nodes = violation["nodes"]
        summary = " ".join(nodes[0].get("failureSummary", "").split())
        yield f"axe {violation['id']} × {len(nodes)}: {nodes[0]['html'][:200]} ({summary[:300]})"


def _widest(window: Window) -> str:
    return str(
        window.page.evaluate(
            """() => {
              const edge = document.documentElement.clientWidth;
              const out = [...document.body.querySelectorAll("*")]
                .filter((element) => element.getBoundingClientRect().right > edge + 0.5)
                .sort((a, b) => b.getBoundingClientRect().right - a.getBoundingClientRect().right);
              return out.slice(-1).map((element) => element.outerHTML.slice(0, 150)).join();
            }"""
        )
    )
