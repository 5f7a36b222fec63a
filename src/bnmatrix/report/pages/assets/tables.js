// Tables marked data-interactive: sorted by a click on a heading, filtered, exported as CSV.
// Without this script they are plain tables that show everything.
for (const table of document.querySelectorAll("table[data-interactive]")) {
  const region = table.closest(".scroll");
  const name = region.getAttribute("aria-label");
  const grid = new DataTable(table, {
    paging: table.tBodies[0].rows.length > 200,
    pageLength: 100,
    lengthChange: false,
    info: false,
    order: [],
    autoWidth: false,
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: "paging" },
    language: { search: "Filter rows", emptyTable: "There are no rows", zeroRecords: "No row matches" },
  });
  new DataTable.Buttons(grid, {
    buttons: [{
      extend: "csvHtml5",
      text: "Export CSV",
      className: "button",
      filename: table.dataset.interactive,
      exportOptions: { format: { body: (html, row, column, cell) => (cell.tagName === "TD" && cell.dataset.order) || cell.textContent.trim().replace(/\s+/g, " ") } },
    }],
  });
  const tools = document.createElement("div");
  tools.className = "tools";
  const label = document.createElement("label");
  label.textContent = "Filter rows ";
  const input = document.createElement("input");
  input.type = "search";
  input.setAttribute("aria-label", `Filter rows of ${name}`);
  input.addEventListener("input", () => grid.search(input.value).draw());
  label.append(input);
  const [button] = grid.buttons().container();
  button.querySelector("button").setAttribute("aria-label", `Export CSV of ${name}`);
  tools.append(label, button);
  region.before(tools);
}
