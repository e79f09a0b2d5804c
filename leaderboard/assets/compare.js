// The comparison: which entries are chosen stands in the address, what they scored in data/<entry>.js.
const LETTERS = "ABCDE";
const loading = new Map(); // the scripts asked for, by entry

function start(page) {
  const form = document.getElementById("choice");
  const said = document.getElementById("said");
  const result = document.getElementById("compared");
  const boxes = Array.from(form.querySelectorAll("input[name=entry]"));
  const names = new Map(boxes.map((box) => [box.value, box.dataset.name]));
  let chosen = [];
  document.getElementById("unscripted").remove();
  form.querySelector(".tools").hidden = false;
  for (const box of boxes) box.hidden = false;

  form.addEventListener("submit", (event) => event.preventDefault());
  form.elements.find.addEventListener("input", () => {
    const words = form.elements.find.value.toLowerCase().split(/\s+/);
    for (const box of boxes) {
      const text = box.nextElementSibling.textContent.toLowerCase();
      box.parentElement.hidden = !words.every((word) => text.includes(word));
    }
  });
  form.elements.board.addEventListener("change", () => show(true));
  form.addEventListener("change", (event) => {
    if (event.target.name !== "entry") return;
    const stem = event.target.value;
    chosen = event.target.checked ? [...chosen, stem] : chosen.filter((other) => other !== stem);
    show(true);
  });
  addEventListener("hashchange", read);
  read();

  function read() {
    const [board, entries] = location.hash.slice(1).split(":");
    const wanted = safely(board);
    form.elements.board.value = Object.hasOwn(page.boards, wanted) ? wanted : Object.keys(page.boards)[0];
    const given = (entries || "").split(",").filter((stem) => names.has(stem));
    chosen = [...new Set(given)].slice(0, LETTERS.length);
    if (!given.length) chosen = page.boards[form.elements.board.value].first;
    show(false);
  }

  async function show(changed) {
    const board = form.elements.board.value;
    const mine = chosen;
    for (const box of boxes) {
      box.checked = mine.includes(box.value);
      box.disabled = !box.checked && mine.length === LETTERS.length;
    }
    if (changed) history.replaceState(null, "", `#${encodeURIComponent(board)}:${mine.join(",")}`);
    const full = mine.length === LETTERS.length ? " Five are chosen: take one out to add another." : "";
    said.textContent =
      mine.length < 2 ? "Choose two entries or more." : `Comparing ${mine.length} entries.${full}`;
    result.hidden = mine.length < 2;
    if (mine.length < 2) return;
    try {
      await Promise.all(mine.map(load));
    } catch (error) {
      said.textContent = error.message;
      result.hidden = true;
      return;
    }
    if (mine !== chosen || board !== form.elements.board.value) return; // chosen anew meanwhile
    const entries = mine.map((stem, k) => ({
      stem,
      name: names.get(stem),
      letter: LETTERS[k],
      style: k,
      data: globalThis.blindsky[stem],
    }));
    const about = page.boards[board];
    document.getElementById("differences-body").replaceChildren(...differences(page, board, about, entries));
    document.getElementById("curves-body").replaceChildren(...curves(page, entries));
    document.getElementById("slices-body").replaceChildren(...slices(page, board, about, entries));
  }
}

function safely(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function load(stem) {
  if (!loading.has(stem)) {
    loading.set(
      stem,
      new Promise((resolve, reject) => {
        const script = made("script", { src: `data/${stem}.js` });
        script.onload = resolve;
        script.onerror = () => {
          loading.delete(stem);
          reject(
            new Error(
              `data/${stem}.js could not be read: copy the whole folder of the site, or reload the page.`,
            ),
          );
        };
        document.head.append(script);
      }),
    );
  }
  return loading.get(stem);
}

function curves(page, entries) {
  const figures = made("div", { className: "figures" });
  const missing = [];
  for (const frame of page.figures) {
    const having = entries
      .filter((entry) => entry.data.figures[frame.key])
      .map((entry) => ({ ...entry, lines: entry.data.figures[frame.key] }));
    for (const entry of entries)
      if (entry.data.left_out.includes(frame.key)) missing.push(`${frame.title} of ${entry.letter}`);
    if (!having.length) continue;
    const figure = made("figure", {}, made("h3", {}, frame.title));
    const plotted = overlay(frame, having);
    figure.append(plotted.svg, reader(frame, having, plotted));
    if (frame.caption) figure.append(made("figcaption", {}, frame.caption));
    figures.append(figure);
  }
  if (!figures.childElementCount)
    return [made("p", {}, "These entries have no curves that can lie over each other.")];
  const hint = made(
    "p",
    { className: "caption" },
    "The slider under a figure, or the pointer over it, reads its values.",
  );
  const found = [hint, legend(entries), figures];
  if (missing.length)
    found.push(
      made(
        "p",
        { className: "caption" },
        `Too long to be drawn here, but on the pages of the entries: ${missing.join(", ")}.`,
      ),
    );
  return found;
}

// A slider along the axis, which the pointer over the figure moves too, reads every curve at one place.
function reader(frame, entries, { svg, cursor, x, top, bottom }) {
  const all = entries.flatMap((e) => e.lines.panels.flatMap((p) => p.lines.flatMap((l) => l.x)));
  const places = [...new Set(all)]
    .filter((at) => at !== null && at >= x.low && at <= x.high)
    .sort((a, b) => a - b);
  const slider = made("input", { type: "range", min: 0, max: places.length - 1, value: 0 });
  slider.setAttribute("aria-label", `Read ${frame.title} along ${frame.x_label}`);
  const output = made("output", {});
  const read = () => {
    const at = places[slider.value];
    cursor.setAttribute("d", `M${x(at)} ${top}V${bottom}`);
    const words = entries.map(
      (entry) =>
        `${entry.letter} ${entry.lines.panels.map((p) => p.lines.map((l) => nearest(l, at)).join(" / ")).join(", ")}`,
    );
    output.textContent = `at ${short(at)}: ${words.join(" \u00b7 ")}`;
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  slider.addEventListener("input", read);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * FRAME.width;
    slider.value = places.reduce(
      (best, place, k) => (Math.abs(x(place) - at) < Math.abs(x(places[best]) - at) ? k : best),
      0,
    );
    read();
  });
  return places.length > 1 ? made("div", { className: "read" }, slider, output) : "";
}

// The value of a line at its point nearest to a place.
function nearest(line, at) {
  const best = line.x.reduce(
    (found, x, k) => (found < 0 || Math.abs(x - at) < Math.abs(line.x[found] - at) ? k : found),
    -1,
  );
  const value = best < 0 ? null : line.y[best];
  if (value === null) return "\u2013";
  return (
    short(value) +
    (line.low && line.low[best] !== null ? ` [${short(line.low[best])}, ${short(line.high[best])}]` : "")
  );
}

function slices(page, board, about, entries) {
  const rows = about.slices.map(([family, name, cases], k) => ({
    family,
    name,
    cases,
    shown: entries.map((e) => (e.data.slices[board] ?? [])[k] ?? null),
  }));
  const used = rows.filter((row) => row.shown.some((s) => s && s[0] !== null));
  if (!used.length) return [made("p", {}, "This board has no slices.")];
  const [first, ...others] = entries;
  const figures = made("div", { className: "figures" });
  for (const family of new Set(used.map((row) => row.family))) {
    const drawable = used
      .filter((row) => row.family === family)
      .map((row) => ({
        label: row.name,
        marks: others
          .map((other, k) => ({
            ...shownGap(about, row.shown[k + 1], row.shown[0]),
            style: other.style,
            text: `${other.letter}, ${row.name}`,
          }))
          .filter((mark) => mark.value !== undefined),
      }))
      .filter((row) => row.marks.length);
    if (drawable.length)
      figures.append(
        made(
          "figure",
          {},
          made("h3", {}, family),
          dots(
            drawable,
            `better than ${first.letter} by, in ${inUnits(about)}`,
            `${about.key} on slices by ${family}, against entry ${first.letter}; the values stand in the table below.`,
          ),
        ),
      );
  }
  const head = made(
    "tr",
    {},
    heading("col", "", "Slice"),
    heading("col", "number", "Cases"),
    ...entries.map((e) => heading("col", "number", ...nameOf(e, false))),
    ...others.map((e) => heading("col", "number", badge(e), "better than ", badge(first), "by")),
  );
  const body = made("tbody", {});
  used.forEach((row, k) => {
    if (k === 0 || used[k - 1].family !== row.family)
      body.append(
        made(
          "tr",
          { className: "family" },
          Object.assign(heading("rowgroup", "", row.family), { colSpan: 2 + entries.length + others.length }),
        ),
      );
    const line = made(
      "tr",
      {},
      heading("row", "slice", row.name),
      numberCell(row.cases),
      ...row.shown.map(shownCell),
    );
    others.forEach((_, n) =>
      line.append(gapCell({ rounded: true }, shownGap(about, row.shown[n + 1], row.shown[0]))),
    );
    body.append(line);
  });
  const table = made(
    "table",
    { className: "compared" },
    made("caption", {}, made("span", {}, `${inUnits(about)} on subsets of the cases`)),
    made("thead", {}, head),
    body,
  );
  const note = made(
    "p",
    { className: "caption" },
    "A slice has no replicates of its own, so these intervals are joined as if the entries erred independently, which is wider than a paired interval mostly is.",
  );
  return [
    note,
    legend(entries),
    figures,
    made("details", {}, made("summary", {}, "The same as a table"), scrolled("Table of slices", table)),
  ];
}

const source = document.getElementById("comparison");
if (source) start(JSON.parse(source.textContent));
