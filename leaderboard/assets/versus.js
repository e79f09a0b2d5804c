// By how much one entry is better than another, as ranks.py and versus.py have it, and the tables that say so.
const TAIL = 0.025;
const SLIP = 1e-6; // of the last digit, for what binary numbers add

// By how much a is better than b: {value, low, high}, null where undefined. ranks.py does the same.
function gap(page, about, a, b) {
  if (!a || !b) return null;
  if (page.rounded) return shownGap(about, a.shown, b.shown);
  if (a.loss === undefined || b.loss === undefined) return null;
  const value = b.loss - a.loss;
  if (!a.replicates || !b.replicates || a.replicates.of.length !== b.replicates.of.length) return { value };
  const [mine, other] = [losses(a.replicates), losses(b.replicates)];
  const values = Float64Array.from(other, (loss, r) => (loss === mine[r] ? 0 : loss - mine[r])).sort();
  const k = Math.floor(TAIL * values.length);
  return { value, low: values[k], high: values[values.length - 1 - k] };
}

// Replicates of the loss; an undefined one is the worst.
function losses({ from, step, of }) {
  return of.map((n) => (n === null ? Infinity : from + step * n));
}

// The difference of two shown values, their intervals joined as of independent numbers.
function shownGap(about, a, b) {
  if (!a || !b || a[0] === null || b[0] === null) return null;
  const digits = Math.max(a[3], b[3]);
  const value = Number((lossOf(about, b[0]) - lossOf(about, a[0])).toFixed(digits));
  if (![a, b].every(([, low, high, , own]) => own && low !== null && high !== null)) return { value, digits };
  const half = Math.hypot((a[2] - a[1]) / 2, (b[2] - b[1]) / 2);
  const unit = 10 ** digits;
  const [low, high] = [
    Math.floor((value - half) * unit + SLIP) / unit,
    Math.ceil((value + half) * unit - SLIP) / unit,
  ];
  return { value, low, high, digits }; // ends rounded outwards
}

function lossOf(about, value) {
  return about.direction === "low"
    ? value
    : about.direction === "high"
      ? -value
      : Math.abs(value - about.target);
}

function digitsOf({ value, low, high, digits }) {
  if (digits !== undefined) return digits;
  const width = Number.isFinite(high - low) && high > low ? high - low : Math.abs(value) || 0.01;
  return stepDecimals(roundingStep(width));
}

function inWords(page, found) {
  if (found.low === undefined) return "";
  if (found.low > 0) return "better";
  if (found.high < 0) return "worse";
  return page.rounded ? "" : "can\u2019t be told apart";
}

function rangeText(low, high, digits) {
  return Number.isFinite(low) && Number.isFinite(high)
    ? `[${number(low, digits)}, ${number(high, digits)}]`
    : "";
}

function numberCell(...children) {
  return made("td", { className: "number" }, ...children);
}

function gapCell(page, found) {
  if (!found) return numberCell("\u2013");
  const cell = numberCell();
  const digits = digitsOf(found);
  cell.append(number(found.value, digits));
  if (found.low !== undefined) cell.append(made("small", {}, rangeText(found.low, found.high, digits)));
  const words = inWords(page, found);
  if (words) cell.append(made("span", { className: `verdict ${words.length < 7 ? words : ""}` }, words));
  return cell;
}

function shownCell(shown) {
  if (!shown || shown[0] === null) return numberCell("\u2013");
  const cell = numberCell();
  const [value, low, high, digits, own] = shown;
  cell.append(number(value, digits));
  if (low !== null && high !== null)
    cell.append(made("small", {}, `${own ? "" : "perfect "}${rangeText(low, high, digits)}`));
  return cell;
}

function badge(entry) {
  return made("span", { className: `letter curve-${entry.style}` }, entry.letter);
}

function nameOf(entry, linked = true) {
  const name = linked
    ? made("a", { href: `${entry.stem}.html` }, made("bdi", {}, entry.name))
    : made("bdi", {}, entry.name);
  return [badge(entry), name];
}

function heading(scope, className, ...children) {
  return made("th", { scope, className }, ...children);
}

function scrolled(label, table) {
  const region = made("div", { className: "scroll", tabIndex: 0 }, table);
  region.setAttribute("role", "region");
  region.setAttribute("aria-label", label);
  return region;
}

function inUnits(about) {
  return about.unit ? `${about.key} [${about.unit}]` : about.key;
}

function differences(page, board, about, entries) {
  const standing = (entry) => entry.data.boards[board];
  const head = made(
    "tr",
    {},
    heading("col", "entry-name", "Entry"),
    heading("col", "number spare", "Rank", made("small", {}, "95 % range")),
    heading("col", "spare", "Tie", made("small", {}, "group")),
    heading("col", "number spare", inUnits(about)),
  );
  for (const other of entries) head.append(heading("col", "number", "better than ", badge(other), "by"));
  const body = made("tbody", {});
  for (const entry of entries) {
    const own = standing(entry);
    const row = made("tr", {}, heading("row", "entry-name", ...nameOf(entry)));
    const [rank, value] = [rankCell(own), shownCell(own && own.shown)];
    for (const cell of [rank, value]) cell.classList.add("spare");
    row.append(
      rank,
      made(
        "td",
        { className: "spare" },
        own && own.tie ? made("span", { className: own.tie === "A" ? "tie best" : "tie" }, `group ${own.tie}`) : "",
      ),
      value,
    );
    for (const other of entries)
      row.append(other === entry ? numberCell() : gapCell(page, gap(page, about, own, standing(other))));
    body.append(row);
  }
  const how = page.rounded
    ? "the intervals as if the entries erred independently"
    : "with the 95 % interval of the paired replicates";
  const caption = made(
    "caption",
    {},
    made(
      "span",
      {},
      `By how much the entry of a row is better than that of a column in ${about.key}, ${how}. Below 0 it is worse.`,
    ),
  );
  const table = made("table", { className: "compared" }, caption, made("thead", {}, head), body);
  return [
    made("p", { className: "lead" }, ...sentence(page, about, entries, standing)),
    scrolled("Table of differences", table),
    pairs(page, about, entries, standing),
  ];
}

function rankCell(own) {
  if (!own || !own.rank) return numberCell("\u2013");
  return numberCell(String(own.rank), made("small", {}, `${own.range[0]}\u2013${own.range[1]}`));
}

function sentence(page, about, entries, standing) {
  const [a, b] = entries;
  const found = gap(page, about, standing(a), standing(b));
  const named = (entry) => [made("bdi", {}, entry.name), ` (${entry.letter})`];
  if (!found)
    return [
      ...named(a),
      " and ",
      ...named(b),
      " can\u2019t be compared on this board: one of them has no value.",
    ];
  const digits = digitsOf(found);
  const [best, other, low, high] =
    found.value >= 0 ? [a, b, found.low, found.high] : [b, a, -found.high, -found.low];
  const by = `${number(Math.abs(found.value), digits)}${about.unit ? ` ${about.unit === "%" ? "percentage points" : about.unit}` : ""} in ${about.key}`;
  const range = rangeText(low, high, digits);
  if (found.value === 0)
    return [
      ...named(a),
      " and ",
      ...named(b),
      ` are alike in ${about.key}${range ? `, 95\u00a0% interval of the difference ${range}` : ""}.`,
    ];
  const verdict =
    { better: ": the two are separable", worse: ": the two are separable", "": "" }[inWords(page, found)] ??
    ": the two can\u2019t be told apart";
  return [
    ...named(best),
    " is better than ",
    ...named(other),
    ` by ${by}${range ? `, 95\u00a0% interval ${range}` : ""}${verdict}.`,
  ];
}

// Every pair as a dot with its interval beside the line of no difference.
function pairs(page, about, entries, standing) {
  const rows = [];
  entries.forEach((a, i) =>
    entries.slice(i + 1).forEach((b) => {
      const found = gap(page, about, standing(a), standing(b));
      if (found)
        rows.push({
          label: `${a.letter} better than ${b.letter}`,
          marks: [{ ...found, style: a.style, text: `${a.name} against ${b.name}` }],
        });
    }),
  );
  if (!rows.length) return made("p", {}, "");
  const figure = made(
    "figure",
    {},
    made("h3", {}, "Every pair"),
    dots(
      rows,
      `better by, in ${inUnits(about)}`,
      `Differences of ${rows.length} pairs in ${about.key}, with 95 % intervals; the values stand in the table.`,
    ),
  );
  return made("div", { className: "figures pair" }, figure);
}

function legend(entries) {
  const list = made("ul", { className: "legend" });
  for (const entry of entries) list.append(made("li", {}, ...nameOf(entry, false)));
  return list;
}
