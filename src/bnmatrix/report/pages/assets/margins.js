// Verdicts under other margins: the rules of bnmatrix.statistics.verdicts and bnmatrix.claims.verdicts.
const SUPPORTED = "supported", CONTRADICTED = "contradicted", SMALL = "real but small";
const SAME = "no difference that matters", UNKNOWN = "cannot tell", CONDITIONAL = "conditional";
const UNTESTABLE = "not testable here";
const KINDS = { [SUPPORTED]: 1, [CONTRADICTED]: -1, [SMALL]: 0, [SAME]: 0 };
const DECIDED = [SUPPORTED, CONTRADICTED, SAME];

function verdict({ low, high, margin, direction }, factor) {
  if (low === null || high === null) return UNKNOWN;
  const most = margin * factor;
  if (direction === "less") [low, high] = [-high, -low];
  const above = low > most, below = high < -most, within = -most < low && high < most;
  const [supports, contradicts] = {
    different: [above || below, false],
    equal: [within, above || below],
    "at most": [high < most, above],
  }[direction] ?? [above, below];
  if (supports || contradicts) return supports ? SUPPORTED : CONTRADICTED;
  if (direction === "at most") return UNKNOWN;
  if (low > 0 || high < 0) return SMALL;
  return within ? SAME : UNKNOWN;
}

function met(part, factor) {
  const said = verdict(part, factor);
  if (said === SUPPORTED) return true;
  const directed = part.direction === "greater" || part.direction === "less";
  return said === SMALL && directed && part.effect * (part.direction === "less" ? -1 : 1) > 0;
}

function combined(parts, factor) {
  const of = (role) => parts.filter((part) => part.role === role);
  const primary = verdict(of("primary")[0], factor);
  if (of("requirement").some((part) => !met(part, factor))) return UNTESTABLE;
  for (const part of of("condition")) {
    const other = part.measured ? verdict(part, factor) : null;
    const kindsDiffer = KINDS[primary] !== KINDS[other] && other !== null;
    if (part.differs && kindsDiffer && (DECIDED.includes(primary) || DECIDED.includes(other))) {
      return CONDITIONAL;
    }
  }
  return primary;
}

const cells = [...document.querySelectorAll("[data-inputs]")].map((cell) => ({
  chip: cell.querySelector(".chip"),
  parts: JSON.parse(cell.dataset.inputs),
  declared: cell.querySelector(".chip").textContent,
}));
const slider = document.getElementById("margin-factor");

function update() {
  const factor = 2 ** Number(slider.value);
  let changed = 0;
  for (const { chip, parts, declared } of cells) {
    const said = combined(parts, factor);
    chip.textContent = said;
    chip.setAttribute("aria-label", chip.getAttribute("aria-label").replace(/^[^:]*/, said));
    chip.className = `chip ${said.replaceAll(" ", "-")}${said === declared ? "" : " changed"}`;
    changed += said !== declared;
  }
  document.getElementById("margin-text").textContent = Number(factor.toPrecision(2));
  document.getElementById("margin-status").textContent = factor === 1
    ? "These are the declared margins."
    : `${changed} of ${cells.length} verdicts would change; findings and pictures keep the declared margins.`;
}

if (cells.length) {
  document.querySelector(".what-if").hidden = false;
  slider.addEventListener("input", update);
  if (slider.value !== "0") update();
}
