// Sorting of the tables. Rows carry their values; without this script the page reads as it was written.
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    if (!button) return;
    button.addEventListener("click", () => {
      const first = head.dataset.first || "ascending";
      const second = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? second : first;
      heads.forEach((other) => other.dataset.first !== undefined && other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", order);
      sort(table.tBodies[0], column, order === "ascending" ? 1 : -1, head.dataset.type === "text");
    });
  });
}

function sort(body, column, sign, text) {
  const rows = Array.from(body.rows);
  const key = (row) => {
    const value = row.cells[column].dataset.value;
    return text ? value : value === "" ? NaN : Number(value);
  };
  const pinned = (row) => row.classList.contains("pinned");
  rows.sort((a, b) => {
    if (pinned(a) !== pinned(b)) return pinned(a) ? -1 : 1; // rows that read the truth stay on top
    const [x, y] = [key(a), key(b)];
    if (text) return sign * x.localeCompare(y);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y); // undefined comes last
    return sign * (x - y);
  });
  body.append(...rows);
}
