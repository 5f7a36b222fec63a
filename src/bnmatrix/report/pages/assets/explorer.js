// Learning curves of a study, chosen by normalization, batch size and metric, side by side.
const studies = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const metrics = {
  validation_accuracy: "validation accuracy (%)",
  train_accuracy: "training accuracy (%)",
  validation_loss: "validation loss",
  train_loss: "training loss",
};

function options(select, entries) {
  select.replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
}

function boxes(fieldset, names) {
  const legend = fieldset.querySelector("legend");
  fieldset.replaceChildren(legend, ...names.map((name, place) => {
    const label = document.createElement("label");
    const box = Object.assign(document.createElement("input"), {
      type: "checkbox", value: name, checked: place < 6,
    });
    box.addEventListener("change", draw);
    label.append(box, ` ${name}`);
    return label;
  }));
}

// What diverged is null, which times a number would be 0.
const scaled = (value, scale) => value === null ? NaN : value * scale;

const chosen = (fieldset) => [...fieldset.querySelectorAll("input:checked")].map((box) => box.value);

function panel(study, metric, cell, rows, domain, width) {
  const shared = { x: "epoch", ariaLabel: null };
  const plot = Plot.plot({
    width,
    height: 250,
    marginLeft: 48,
    marginTop: 26,
    marginBottom: 40,
    style: { background: "transparent", fontSize: "13px" },
    x: { label: "epoch" },
    y: { label: metrics[metric], grid: true, domain, nice: true },
    color: { domain: study.arms.map((arm) => arm.name), range: study.arms.map((arm) => arm.colour) },
    marks: [
      Plot.areaY(rows, { ...shared, y1: "low", y2: "high", fill: "arm", fillOpacity: 0.18 }),
      Plot.lineY(rows, { ...shared, y: "mean", stroke: "arm", strokeWidth: 2 }),
      Plot.tip(rows, Plot.pointer({
        maxRadius: Infinity,
        ...shared,
        y: "mean",
        stroke: "arm",
        title: (row) => `${row.arm}\nepoch ${row.epoch}: ${row.mean.toPrecision(4)}\n`
          + `lowest ${row.low.toPrecision(4)}, highest ${row.high.toPrecision(4)}`,
      })),
    ],
  });
  // The picture has one name; its groups have no role that may have one.
  for (const group of plot.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label");
  plot.setAttribute("role", "img");
  plot.setAttribute("aria-label", `${metrics[metric]} by epoch, ${cell}`);
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = cell;
  figure.append(caption, plot);
  return figure;
}

function draw() {
  const study = studies[byId("study").value];
  const metric = byId("metric").value;
  const scale = metric.endsWith("accuracy") ? 100 : 1;
  const arms = new Set(chosen(byId("arms")));
  const cells = chosen(byId("cells"));
  const rows = study.series
    .filter((series) => arms.has(series.arm) && cells.includes(series.cell))
    .flatMap((series) => series.epoch.map((epoch, place) => ({
      epoch,
      arm: series.arm,
      cell: series.cell,
      mean: scaled(series[metric].mean[place], scale),
      low: scaled(series[metric].low[place], scale),
      high: scaled(series[metric].high[place], scale),
    })))
    .filter((row) => Number.isFinite(row.mean));
  const target = byId("plot");
  const status = byId("status");
  if (!rows.length) {
    target.replaceChildren();
    status.textContent = "Nothing is chosen: tick a normalization and a batch size.";
    return;
  }
  // One scale for all, so that panels can be compared.
  const domain = [Math.min(...rows.map((row) => row.low)), Math.max(...rows.map((row) => row.high))];
  const columns = Math.min(cells.length, target.clientWidth < 700 ? 1 : target.clientWidth < 1000 ? 2 : 3);
  const width = Math.floor((target.clientWidth - 16 * (columns - 1)) / columns);
  target.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`;
  target.replaceChildren(...cells.map((cell) => panel(study, metric, cell, rows.filter((row) => row.cell === cell), domain, width)));
  const last = new Map();
  for (const row of rows) last.set(`${row.arm}, ${row.cell}`, row);
  status.textContent = `${metrics[metric]} at the end: `
    + [...last].map(([name, row]) => `${name}: ${row.mean.toPrecision(4)}`).join("; ") + ".";
  byId("legend").replaceChildren(...study.arms.filter((arm) => arms.has(arm.name)).map((arm) => {
    const item = document.createElement("li");
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = arm.colour;
    item.append(swatch, arm.name);
    return item;
  }));
  history.replaceState(null, "", `#${byId("study").value}/${metric}`);
}

function choose() {
  const study = studies[byId("study").value];
  boxes(byId("arms"), study.arms.map((arm) => arm.name));
  boxes(byId("cells"), [...new Set(study.series.map((series) => series.cell))]);
  draw();
}

options(byId("study"), Object.entries(studies).map(([name, study]) => [name, study.title]));
options(byId("metric"), Object.entries(metrics));
const [study, metric] = decodeURIComponent(location.hash.slice(1)).split("/");
if (Object.hasOwn(studies, study)) byId("study").value = study;
if (Object.hasOwn(metrics, metric)) byId("metric").value = metric;
byId("study").addEventListener("change", choose);
byId("metric").addEventListener("change", draw);
addEventListener("resize", draw);
if (Object.keys(studies).length) {
  byId("explorer").hidden = false;
  choose();
}
