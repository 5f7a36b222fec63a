// The toy of the theory page: one row's value, the batch size and the mode move all normalized values.
// Without this script the picture shows the worked example.
const toy = document.getElementById("toy");
const start = JSON.parse(toy.dataset.values);
const epsilon = Number(toy.dataset.epsilon);
const [LEFT, WIDTH, LOW, HIGH] = [16, 330, -4, 4];
const value = document.getElementById("toy-value");
const size = document.getElementById("toy-size");
const inference = document.getElementById("toy-inference");

const place = (x) => LEFT + ((Math.min(Math.max(x, LOW), HIGH) - LOW) / (HIGH - LOW)) * WIDTH;
const text = (x) => x.toFixed(2).replace("-", "\u2212");

function statistics(values) {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return [mean, values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length];
}

function draw() {
  const m = Number(size.value);
  const z = [Number(value.value), ...start.slice(1)];
  const [mean, variance] = statistics(inference.checked ? start : z.slice(0, m));
  const normalized = z.map((x) => (x - mean) / Math.sqrt(variance + epsilon));
  for (const mark of toy.querySelectorAll("[data-row]")) {
    const row = Number(mark.dataset.row);
    const inside = row < m;
    mark.style.opacity = inside ? 1 : 0.12;
    if (mark.tagName === "line") {
      mark.setAttribute("x1", place(z[row]));
      mark.setAttribute("x2", place(normalized[row]));
    } else {
      mark.setAttribute("cx", place((mark.classList.contains("before") ? z : normalized)[row]));
    }
  }
  document.getElementById("toy-said").textContent =
    `${inference.checked ? "Inference, with averages" : "Training, with the mini-batch"}: mean ${text(mean)}, `
    + `variance ${text(variance)}. Normalized: ${normalized.slice(0, m).map(text).join(", ")}.`;
  document.getElementById("toy-size-text").textContent = m;
  document.getElementById("toy-value-text").textContent = text(z[0]);
}

toy.querySelector("form").hidden = false;
for (const control of [value, size, inference]) control.addEventListener("input", draw);
draw();
