// Scales, numbers and overlaid curves, as scales.py, cells.py and curves.py have them.
function drawn(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function made(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// The smallest of 1, 2, 5 times a power of ten that is not below a tenth of a width.
function roundingStep(width) {
  const tenth = width / 10;
  const power = 10 ** Math.floor(Math.log10(tenth));
  return [1, 2, 5, 10].map((m) => m * power).find((step) => step >= tenth * (1 - 1e-9));
}

function stepDecimals(step) {
  return Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
}

function number(value, decimals) {
  let [whole, rest] = Math.abs(value).toFixed(decimals).split(".");
  whole = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  const negative = value < 0 && Number(value.toFixed(decimals)) !== 0;
  return (negative ? "\u2212" : "") + (rest === undefined ? whole : `${whole}.${rest}`);
}

// Three digits, for reading a curve.
function short(value) {
  if (value === 0) return "0";
  const power = Math.floor(Math.log10(Math.abs(value)));
  if (power < -4 || power > 6) return value.toExponential(2).replace("-", "\u2212");
  return number(value, Math.max(0, 2 - power));
}

function ticks(low, high, about) {
  const multiples = (step) => {
    const first = Math.ceil(low / step - 1e-9);
    const last = Math.floor(high / step + 1e-9);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => (first + k) * step);
  };
  let step = roundingStep((10 * (high - low)) / about);
  if (multiples(step).length < 2) step = roundingStep(step * 4);
  return multiples(step).map((at) => [at, number(at, stepDecimals(step))]);
}

function logTicks(low, high, about) {
  const label = (power) => (power >= -4 && power < 5 ? String(Number(`1e${power}`)) : `1e${power}`);
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  if (last - first < 1) return ticks(low, high, about).filter(([at]) => at > 0);
  const every = Math.ceil((last - first + 1) / (about + 1));
  const powers = Array.from({ length: last - first + 1 }, (_, k) => first + k);
  return powers.filter((power) => (last - power) % every === 0).map((power) => [10 ** power, label(power)]);
}

function scale(low, high, start, stop, log = false) {
  if (log && low <= 0) low = Math.min(high / 1000, 1e-3);
  if (low === high) [low, high] = log ? [low / 10, high * 10] : [low - 1, high + 1];
  const turn = log ? Math.log10 : (v) => v;
  const [a, b] = [turn(low), turn(high)];
  const at = (value) => start + ((turn(Math.max(value, log ? low : value)) - a) / (b - a)) * (stop - start);
  const to = (value) => Math.round(10 * at(value)) / 10;
  const marks = (about) => (log ? logTicks(low, high, about) : ticks(low, high, about));
  return Object.assign(to, { low, high, marks });
}

function span(values, zero) {
  const known = values.filter((v) => v !== null && Number.isFinite(v));
  if (zero) known.push(0);
  let [low, high] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
  if (low === high) [low, high] = [low - (Math.abs(low) / 2 || 0.5), high + (Math.abs(high) / 2 || 0.5)];
  const pad = 0.05 * (high - low);
  return [zero && low === 0 ? 0 : low - pad, zero && high === 0 ? 0 : high + pad];
}

const FRAME = { width: 400, left: 62, right: 384, top: 14, below: 46, between: 16 };
const plot = { count: 0 };

// What an entry has in a panel, by its key: before the reveal it may lack one that others have.
function panelOf(entry, panel) {
  return entry.lines.panels.find((own) => own.key === panel.key);
}

// A figure of several entries: the frame is the release's, `entries` are [{style, letter, lines}].
function overlay(frame, entries) {
  const { width, left, right, top, below } = FRAME;
  const uid = `overlay-${(plot.count += 1)}`;
  const many = frame.panels.length;
  const tall = { 1: 240, 2: 112 }[many] ?? 92;
  const between = FRAME.between + (entries.some((e) => e.lines.panels.some((p) => p.x)) ? 14 : 0);
  const bottom = top + many * tall + (many - 1) * between;
  const body = [];
  const scales = [];
  frame.panels.forEach((panel, k) => {
    const own = entries.map((e) => panelOf(e, panel)).filter(Boolean);
    const y0 = top + k * (tall + between);
    const xs = entries.map((e) => panelOf(e, panel)?.x ?? e.lines.x);
    const x = scale(
      Math.min(...xs.map((r) => r[0])),
      Math.max(...xs.map((r) => r[1])),
      left,
      right,
      frame.x_log,
    );
    const ends = own.flatMap((p) => p.y ?? []);
    const range = ends.length
      ? [Math.min(...ends), Math.max(...ends)]
      : heights(
          own.flatMap((p) => p.lines),
          panel,
        );
    const y = scale(range[0], range[1], y0 + tall, y0, panel.y_log);
    scales.push(x);
    const numbered = own.some((p) => p.x) || k === many - 1;
    body.push(
      axes(frame, panel, x, y, y0, tall, numbered, many),
      curvesOf(panel, entries, x, y, y0, tall, `${uid}-c${k}`),
    );
  });
  const label = drawn(
    "g",
    { class: "axis" },
    drawn(
      "text",
      { class: "label", x: (left + right) / 2, y: bottom + 37, "text-anchor": "middle" },
      frame.x_label,
    ),
  );
  const cursor = drawn("path", { class: "guide cursor", d: "" });
  const title = drawn("title", { id: `${uid}-t` }, frame.title);
  const named = entries.map((e) => e.letter).join(", ");
  const desc = drawn(
    "desc",
    { id: `${uid}-d` },
    `${frame.panels.map((p) => p.y_label).join(" and ")} against ${frame.x_label} of entries ${named}. The values can be read with the slider below.`,
  );
  const svg = drawn(
    "svg",
    {
      viewBox: `0 0 ${width} ${bottom + below}`,
      role: "img",
      "aria-labelledby": `${uid}-t ${uid}-d`,
      class: "figure",
    },
    title,
    desc,
    ...body,
    label,
    cursor,
  );
  return { svg, cursor, x: scales[scales.length - 1], top, bottom };
}

// Ends of a vertical axis: all points and guides, and of the intervals what is not far off them.
function heights(lines, panel) {
  const known = (values) => values.filter((v) => v !== null && Number.isFinite(v));
  const points = known([...lines.flatMap((l) => l.y), ...panel.guides.flatMap((g) => g.y)]);
  const room = (Math.max(...points) - Math.min(...points)) / 3;
  const near = known(lines.flatMap((l) => [...(l.low ?? []), ...(l.high ?? [])])).map((v) =>
    Math.min(Math.max(v, Math.min(...points) - room), Math.max(...points) + room),
  );
  return span([...points, ...near], !panel.y_log);
}

function axes(frame, panel, x, y, top, tall, numbered, many) {
  const { left, right } = FRAME;
  const bottom = top + tall;
  const group = drawn("g", { class: "axis" });
  for (const [at, text] of y.marks(many === 1 ? 6 : 3)) {
    group.append(
      drawn("path", { class: "grid", d: `M${left} ${y(at)}H${right}` }),
      drawn("text", { x: left - 7, y: y(at) + 4, "text-anchor": "end" }, text),
    );
  }
  for (const [at, text] of frame.x_ticks ?? x.marks(6)) {
    if (at < x.low || at > x.high) continue;
    group.append(drawn("path", { class: "tick", d: `M${x(at)} ${bottom}v4` }));
    if (numbered) group.append(drawn("text", { x: x(at), y: bottom + 17, "text-anchor": "middle" }, text));
  }
  group.append(drawn("path", { class: "base", d: `M${left} ${bottom}H${right}` }));
  group.append(
    drawn(
      "text",
      {
        class: "label",
        transform: `translate(13 ${(top + bottom) / 2}) rotate(-90)`,
        "text-anchor": "middle",
      },
      panel.y_label,
    ),
  );
  return group;
}

function curvesOf(panel, entries, x, y, top, tall, id) {
  const { left, right } = FRAME;
  const clip = drawn(
    "clipPath",
    { id },
    drawn("rect", { x: left - 1, y: top - 2, width: right - left + 2, height: tall + 3 }),
  );
  const inside = drawn("g", { "clip-path": `url(#${id})` });
  if (panel.band) {
    const { x: at, low, high } = panel.band;
    const around = [
      ...at.map((a, j) => `${x(a)},${y(high[j])}`),
      ...at.map((a, j) => `${x(a)},${y(low[j])}`).reverse(),
    ];
    inside.append(drawn("polygon", { class: "band", points: around.join(" ") }));
  }
  for (const one of panel.published ?? [])
    inside.append(drawn("polyline", { class: "published", points: pieces(one, x, y, 0)[0] ?? "" }));
  for (const one of panel.guides)
    inside.append(drawn("polyline", { class: "guide dashed", points: pieces(one, x, y, 0)[0] ?? "" }));
  entries.forEach((entry, n) => {
    const shift = 2.4 * (n - (entries.length - 1) / 2); // bars of several entries stand beside each other
    const group = drawn("g", { class: `curve-${entry.style}` });
    for (const line of panelOf(entry, panel)?.lines ?? []) {
      const dots = line.dots || line.x.length === 1;
      for (const points of pieces(line, x, y, dots ? shift : 0)) group.append(drawn("polyline", { points }));
      if (!dots) continue;
      line.x.forEach((at, j) => {
        if (line.y[j] === null || (x.log && at <= 0)) return;
        const place = Math.round(10 * (x(at) + shift)) / 10;
        if (line.low && line.low[j] !== null)
          group.append(
            drawn("path", { class: "spread", d: `M${place} ${y(line.low[j])}V${y(line.high[j])}` }),
          );
        group.append(drawn("circle", { cx: place, cy: y(line.y[j]), r: 2.4 }));
      });
    }
    inside.append(group);
  });
  return drawn("g", {}, clip, inside);
}

// A line as polylines, broken where a point is blank.
function pieces(line, x, y, shift) {
  const found = [[]];
  line.x.forEach((at, j) => {
    if (at === null || line.y[j] === null) found.push([]);
    else found[found.length - 1].push(`${Math.round(10 * (x(at) + shift)) / 10},${y(line.y[j])}`);
  });
  return found.filter((points) => points.length > 1).map((points) => points.join(" "));
}

// Rows of dots with intervals about the line of no difference.
function dots(rows, label, description) {
  const [left, right, top] = [14, 386, 14];
  const tall = (row) => 26 + 9 * row.marks.length;
  const bottom = rows.reduce((sum, row) => sum + tall(row), top) + 4;
  const ends = rows.flatMap((row) => row.marks.flatMap((m) => [m.value, m.low ?? null, m.high ?? null]));
  const x = scale(...span(ends, true), left, right);
  const uid = `overlay-${(plot.count += 1)}`;
  const svg = drawn(
    "svg",
    { viewBox: `0 0 400 ${bottom + 44}`, class: "figure", role: "img", "aria-labelledby": `${uid}-t` },
    drawn("title", { id: `${uid}-t` }, description),
  );
  const group = drawn("g", { class: "axis" });
  let y = top;
  // beside the marks alone: an upright line would strike out the names between these
  const spans = rows.map((row) => [y + 17, (y += tall(row)) + 1]);
  const upright = (at) => spans.map(([from, to], k) => `M${at} ${from}V${k + 1 < spans.length ? to : bottom}`).join("");
  for (const [at, text] of x.marks(6))
    group.append(
      drawn("path", { class: "grid", d: upright(x(at)) }),
      drawn("text", { x: x(at), y: bottom + 17, "text-anchor": "middle" }, text),
    );
  group.append(
    drawn("path", { class: "base", d: `M${left} ${bottom}H${right}` }),
    drawn("text", { class: "label", x: 200, y: bottom + 37, "text-anchor": "middle" }, label),
  );
  svg.append(group, drawn("path", { class: "guide", d: upright(x(0)) }));
  y = top;
  for (const row of rows) {
    svg.append(drawn("text", { class: "halo", x: left, y: y + 12 }, row.label));
    row.marks.forEach((mark, k) => {
      const at = y + 23 + 9 * k;
      const one = drawn(
        "g",
        { class: `curve-${mark.style}` },
        drawn(
          "title",
          {},
          `${mark.text}: ${number(mark.value, digitsOf(mark))} ${mark.low === undefined ? "" : rangeText(mark.low, mark.high, digitsOf(mark))}`,
        ),
      );
      if (Number.isFinite(mark.low) && Number.isFinite(mark.high))
        one.append(drawn("path", { class: "spread", d: `M${x(mark.low)} ${at}H${x(mark.high)}` }));
      one.append(drawn("circle", { cx: x(mark.value), cy: at, r: 3.2 }));
      svg.append(one);
    });
    y += tall(row);
  }
  return svg;
}
