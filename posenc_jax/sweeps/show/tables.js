"use strict";
// Tables of report.html: a click on a heading sorts, words in the field filter.
(() => {
  const keyOf = (row, index) => {
    const field = row.cells[index];
    return "by" in field.dataset ? Number(field.dataset.by) : field.textContent;
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, undefined, {numeric: true});
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    const rows = [...body.rows];
    table.classList.add("live");
    heads.forEach((head, index) => {
      head.tabIndex = 0;
      const sort = () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const keyed = rows.map((row) => [keyOf(row, index), row]);
        keyed.sort((one, two) => (down ? -1 : 1) * compare(one[0], two[0]));
        body.append(...keyed.map((pair) => pair[1]));
      };
      head.onclick = sort;
      head.onkeydown = (event) => event.key === "Enter" && sort();
    });
    if (rows.length < 8) continue;
    const field = Object.assign(document.createElement("input"), {className: "filter",
      type: "search", placeholder: `filter ${rows.length} rows`});
    field.oninput = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of rows) {
        const held = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => held.includes(word));
      }
    };
    table.parentElement.before(field);
  }
})();
