// A filter for tables of many rows; the library beside this script sorts them by their headings.
// Without scripts they are plain tables that show everything.
for (const table of document.querySelectorAll("table[data-filter]")) {
  const region = table.closest(".scroll");
  const input = Object.assign(document.createElement("input"), { type: "search" });
  input.setAttribute("aria-label", `Filter rows of ${region.getAttribute("aria-label")}`);
  const label = document.createElement("label");
  label.className = "tools";
  label.append("Filter rows ", input);
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const row of table.tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  region.before(label);
}
for (const heading of document.querySelectorAll("table.sortable thead th")) {
  const button = Object.assign(document.createElement("button"), { type: "button" });
  button.append(...heading.childNodes);
  heading.append(button);
}
