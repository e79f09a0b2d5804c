// Sorting, filter and columns of the tables. Rows carry their values; without this script the page reads as it was written.
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
  const place = ({ classList }) => (classList.contains("below") ? 1 : classList.contains("pinned") ? -1 : 0);
  rows.sort((a, b) => {
    if (place(a) !== place(b)) return place(a) - place(b); // ceilings stay on top, other references at the end
    const [x, y] = [key(a), key(b)];
    if (text) return sign * x.localeCompare(y);
    if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y); // undefined comes last
    return sign * (x - y);
  });
  body.append(...rows);
}

for (const place of document.querySelectorAll(".tools")) {
  let scroll = place.nextElementSibling;
  while (scroll && !scroll.matches(".scroll.board")) scroll = scroll.nextElementSibling;
  const table = scroll && scroll.querySelector("table.sortable");
  if (table && table.querySelector("tr[data-kind]")) {
    place.append(...filter(table), columns(table));
    place.hidden = false;
  }
}

function filter(table) {
  const rows = Array.from(table.tBodies[0].rows);
  const text = Object.assign(document.createElement("input"), {
    type: "search",
    placeholder: "team or method",
  });
  const kind = document.createElement("select");
  kind.append(new Option("all kinds", ""));
  for (const found of new Set(rows.map((row) => row.dataset.kind)))
    kind.append(new Option(`${found} only`, found));
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  const apply = () => {
    const words = text.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const name = row.querySelector(".entry-name").textContent.toLowerCase();
      row.hidden =
        (kind.value !== "" && row.dataset.kind !== kind.value) || !words.every((word) => name.includes(word));
    }
    const left = rows.filter((row) => !row.hidden).length;
    status.textContent = left === rows.length ? "" : `${left} of ${rows.length} entries`;
  };
  text.addEventListener("input", apply);
  kind.addEventListener("change", apply);
  return [labelled("Filter", text), labelled("Kind", kind), status];
}

function columns(table) {
  const box = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "Columns";
  const group = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = "Columns shown";
  group.append(legend);
  Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
    if (column < 2) return; // rank and entry stay
    const tick = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    tick.addEventListener("change", () => {
      for (const row of table.rows) if (row.cells.length > column) row.cells[column].hidden = !tick.checked;
    });
    group.append(labelled(head.querySelector("button").textContent, tick));
  });
  box.append(summary, group);
  return box;
}

function labelled(text, control) {
  const label = document.createElement("label");
  if (control.type === "checkbox") label.append(control, ` ${text}`);
  else label.append(`${text} `, control);
  return label;
}
