// Learning curves of a study, chosen by normalization, cell and metric: panels or one overlay, curves or
// paired differences, with a cursor through all panels. The address keeps the choice.
const studies = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const SINGLE = "validation_accuracy";
const CHOICES = {
  metric: {
    validation_accuracy: "validation accuracy (%)",
    train_accuracy: "training accuracy (%)",
    validation_loss: "validation loss",
    train_loss: "training loss",
  },
  show: { curves: "curves", differences: "differences from no normalization" },
  x: { epoch: "epochs", step: "steps" },
  layout: { panels: "one for each cell", overlay: "all in one" },
};
const DASHES = ["0", "6 3", "2 3", "8 3 2 3", "1 2", "10 4"];
const MOST = 6;

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
}

function boxes(fieldset, names, chosen) {
  const legend = fieldset.querySelector("legend");
  fieldset.replaceChildren(legend, ...names.map((name, place) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), {
      type: "checkbox", value: name, checked: chosen ? chosen.includes(place) : place < MOST,
    });
    box.addEventListener("change", draw);
    label.append(box, ` ${name}`);
    return label;
  }));
}

// What diverged is null, which times a number would be 0.
const scaled = (value, scale) => value === null ? NaN : value * scale;

const inputs = (fieldset) => [...byId(fieldset).querySelectorAll("input")];
const chosen = (fieldset) => inputs(fieldset).filter((box) => box.checked).map((box) => box.value);
const places = (fieldset) => inputs(fieldset).flatMap((box, place) => box.checked ? [place] : []);
const number = (value) => Number.isFinite(value) ? value.toPrecision(4).replace("-", "\u2212") : "\u2013";

function rowsOf(series, metric, differences, scale) {
  const source = differences ? series.differences?.[metric] : series[metric];
  if (!source) return [];
  return series.epoch.map((epoch, place) => ({
    epoch,
    step: series.step[place],
    arm: series.arm,
    cell: series.cell,
    mean: scaled(source.mean[place], scale),
    low: scaled(source.low[place], scale),
    high: scaled(source.high[place], scale),
  })).filter((row) => Number.isFinite(row.mean));
}

function runsOf(series) {
  return series.runs.flatMap((run, replicate) => run.map((value, place) => ({
    epoch: series.epoch[place],
    step: series.step[place],
    arm: series.arm,
    cell: series.cell,
    run: `${series.arm}, ${series.cell}, ${replicate}`,
    mean: scaled(value, 100),
  }))).filter((row) => Number.isFinite(row.mean));
}

function panel(study, choice, title, rows, runs, domain, width, cells) {
  const x = choice.x;
  const dashed = cells.length > 1 && title === "";
  const dash = (row) => dashed ? DASHES[cells.indexOf(row.cell) % DASHES.length] : "0";
  const groups = d3.groups(rows, (row) => row.arm, (row) => row.cell);
  const plot = Plot.plot({
    width,
    height: title === "" ? 380 : 250,
    marginLeft: 52,
    marginTop: 26,
    marginBottom: 40,
    style: { background: "transparent", fontSize: "13px" },
    x: { label: x },
    y: { label: choice.label, grid: true, domain, nice: choice.type === "linear", type: choice.type },
    color: { domain: study.arms.map((arm) => arm.name), range: study.arms.map((arm) => arm.colour) },
    marks: [
      choice.show === "differences" ? Plot.ruleY([0], { stroke: "currentColor" }) : null,
      ...groups.flatMap(([, parts]) => parts.map(([, part]) => [
        runs.length ? null : Plot.areaY(part, { x, y1: "low", y2: "high", fill: "arm", fillOpacity: 0.15 }),
        Plot.lineY(part, { x, y: "mean", stroke: "arm", strokeWidth: 2, strokeDasharray: dash(part[0]) }),
      ])).flat(),
      Plot.lineY(runs, { x, y: "mean", stroke: "arm", z: "run", strokeWidth: 0.7, strokeOpacity: 0.5 }),
      Plot.ruleX([0], { stroke: "currentColor", strokeOpacity: 0, className: "cursor" }),
    ],
  });
  // The picture has one name; its groups have no role that may have one.
  for (const group of plot.querySelectorAll("[aria-label]")) group.removeAttribute("aria-label");
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${choice.label} by ${x}, ${title || cells.join("; ")}`);
  const scale = plot.scale("x");
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    point(scale.invert((event.clientX - box.left) * (width / box.width)));
  });
  plot.addEventListener("pointerleave", () => point(null));
  plot.cursor = (value) => {
    for (const line of plot.querySelectorAll(".cursor line, line.cursor")) {
      const at = value === null ? scale.apply(0) : scale.apply(value);
      line.setAttribute("x1", at);
      line.setAttribute("x2", at);
      line.setAttribute("stroke-opacity", value === null ? 0 : 0.6);
    }
  };
  const figure = document.createElement("figure");
  if (title) {
    const caption = document.createElement("figcaption");
    caption.textContent = title;
    figure.append(caption);
  }
  figure.append(plot);
  return figure;
}

let shown = [];
let described = "";

// The values of all lines at a place of the horizontal axis, or at the end.
function point(value) {
  const x = byId("x").value;
  for (const plot of document.querySelectorAll("#plot svg")) plot.cursor?.(value);
  const lines = d3.groups(shown, (row) => `${row.arm}, ${row.cell}`).map(([name, rows]) => {
    const row = value === null
      ? rows.at(-1)
      : d3.least(rows, (candidate) => Math.abs(candidate[x] - value));
    return [name, row[x], row.mean, row.low, row.high];
  });
  const head = ["Line", x, described, "lowest", "highest"];
  const cell = (tag, text, place) => {
    const element = document.createElement(tag);
    if (place) element.className = "num"; else if (tag === "th") element.scope = "row";
    element.textContent = text;
    if (tag === "td") element.dataset.label = head[place];
    return element;
  };
  const top = document.createElement("tr");
  top.append(...head.map((text, place) => Object.assign(cell("th", text, place), { scope: "col" })));
  const thead = document.createElement("thead");
  thead.append(top);
  const body = document.createElement("tbody");
  body.append(...lines.map(([name, at, ...values]) => {
    const line = document.createElement("tr");
    line.append(
      cell("th", name, 0),
      cell("td", Number(at.toPrecision(4)), 1),
      ...values.map((one, place) => cell("td", number(one), place + 2)),
    );
    return line;
  }));
  byId("values").replaceChildren(thead, body);
}

function choices() {
  const choice = Object.fromEntries(Object.keys(CHOICES).map((name) => [name, byId(name).value]));
  choice.label = CHOICES.metric[choice.metric];
  if (choice.show === "differences") {
    choice.label = `difference in ${choice.label.replace("(%)", "(points)")}`;
  }
  choice.single = byId("runs").checked && choice.metric === SINGLE && choice.show === "curves";
  choice.type = byId("log").checked && choice.show === "curves" ? "log" : "linear";
  return choice;
}

function draw() {
  const study = studies[byId("study").value];
  const choice = choices();
  const scale = choice.metric.endsWith("accuracy") ? 100 : 1;
  const arms = new Set(chosen("arms"));
  const cells = chosen("cells");
  const series = study.series.filter((one) => arms.has(one.arm) && cells.includes(one.cell));
  const rows = series.flatMap((one) => rowsOf(one, choice.metric, choice.show === "differences", scale))
    .filter((row) => choice.type === "linear" || row.low > 0);
  const runs = choice.single ? series.flatMap(runsOf) : [];
  shown = rows;
  described = choice.label;
  remember();
  const target = byId("plot");
  const status = byId("status");
  byId("values").replaceChildren();
  byId("legend").replaceChildren();
  if (!rows.length) {
    target.replaceChildren();
    status.textContent = arms.size && cells.length
      ? "No variant that is chosen has a counterpart without normalization, or values to draw."
      : "Nothing is chosen: tick a normalization and a cell.";
    return;
  }
  // One scale for all, so that panels can be compared.
  const domain = [d3.min(rows, (row) => row.low), d3.max(rows, (row) => row.high)];
  const overlay = choice.layout === "overlay";
  const filled = cells.filter((cell) => rows.some((row) => row.cell === cell));
  const most = target.clientWidth < 700 ? 1 : target.clientWidth < 1000 ? 2 : 3;
  const columns = overlay ? 1 : Math.min(filled.length, most);
  const width = Math.floor((target.clientWidth - 16 * (columns - 1)) / columns);
  target.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  const of = (list, cell) => list.filter((row) => row.cell === cell);
  target.replaceChildren(...(overlay
    ? [panel(study, choice, "", rows, runs, domain, width, filled)]
    : filled.map((cell) => panel(study, choice, cell, of(rows, cell), of(runs, cell), domain, width, filled))));
  status.textContent = overlay && filled.length > 1
    ? `Dashes: ${filled.map((cell, place) => `${["solid", "long", "short", "long-short", "dotted", "very long"][place % DASHES.length]}, ${cell}`).join("; ")}.`
    : "";
  point(null);
  byId("legend").append(...study.arms.filter((arm) => arms.has(arm.name)).map((arm) => {
    const item = document.createElement("li");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = arm.colour;
    item.append(swatch, arm.name);
    return item;
  }));
}

// The address: study, metric, and what differs from the defaults.
function remember() {
  const state = new URLSearchParams();
  for (const name of ["show", "x", "layout"]) {
    if (byId(name).selectedIndex) state.set(name, byId(name).value);
  }
  for (const name of ["log", "runs"]) if (byId(name).checked) state.set(name, 1);
  for (const name of ["arms", "cells"]) {
    const usual = inputs(name).every((box, place) => box.checked === place < MOST);
    if (!usual) state.set(name, places(name).join("."));
  }
  const text = state.toString();
  const path = `#${byId("study").value}/${byId("metric").value}`;
  history.replaceState(null, "", text ? `${path}?${text}` : path);
}

function choose(state = new URLSearchParams()) {
  const study = studies[byId("study").value];
  const numbers = (name) => state.has(name) ? state.get(name).split(".").filter(Boolean).map(Number) : null;
  boxes(byId("arms"), study.arms.map((arm) => arm.name), numbers("arms"));
  boxes(byId("cells"), [...new Set(study.series.map((series) => series.cell))], numbers("cells"));
  draw();
}

function start() {
  options(byId("study"), Object.entries(studies).map(([name, study]) => [name, study.title]));
  for (const [name, entries] of Object.entries(CHOICES)) options(byId(name), Object.entries(entries));
  const [path, query] = decodeURIComponent(location.hash.slice(1)).split("?");
  const [study, metric] = path.split("/");
  const state = new URLSearchParams(query);
  if (Object.hasOwn(studies, study)) byId("study").value = study;
  for (const [name, entries] of Object.entries(CHOICES)) {
    const value = name === "metric" ? metric : state.get(name);
    if (Object.hasOwn(entries, value ?? "")) byId(name).value = value;
    byId(name).addEventListener("change", draw);
  }
  for (const name of ["log", "runs"]) {
    byId(name).checked = state.has(name);
    byId(name).addEventListener("change", draw);
  }
  byId("study").addEventListener("change", () => choose());
  addEventListener("resize", draw);
  if (Object.keys(studies).length) {
    byId("explorer").hidden = false;
    choose(state);
  }
}

start();
