// The pointer over a figure of curves reads the nearest one; the legend of several figures shows and hides theirs.
for (const svg of document.querySelectorAll("svg.figure")) {
  const plots = Array.from(svg.querySelectorAll(".plot"), plot);
  if (!plots.length) continue;
  const dot = drawn("circle", { class: "read", r: 3.5 });
  const text = drawn("text", { class: "halo read" });
  svg.addEventListener("pointermove", (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const found = plots.map((one) => nearest(one, at)).reduce((a, b) => (b.away < a.away ? b : a));
    if (found.away > 24) return put();
    const { x, y, of } = found;
    const label = [of.name, `${value(of.x, x)}, ${value(of.y, y)}`].filter(Boolean).join(": ");
    const end = x > (of.x.start + of.x.stop) / 2;
    for (const [name, to] of Object.entries({ cx: x, cy: y })) dot.setAttribute(name, to);
    for (const [name, to] of Object.entries({ x: x + (end ? -8 : 8), y: Math.max(y - 8, of.y.stop + 10) }))
      text.setAttribute(name, to);
    text.setAttribute("text-anchor", end ? "end" : "start");
    text.textContent = label;
    if (!dot.parentNode) svg.append(dot, text);
  });
  svg.addEventListener("pointerleave", put);
  function put() {
    dot.remove();
    text.remove();
  }
}

function drawn(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// A panel: its axes, and its curves as points in the drawing.
function plot(group) {
  const axis = (text) => {
    const [low, high, start, stop, log] = text.split(" ").map(Number);
    return { low, high, start, stop, log };
  };
  const curves = Array.from(group.querySelectorAll("[data-name]"), (own) => ({
    own,
    name: own.dataset.name,
    lines: Array.from(own.querySelectorAll("polyline"), (line) => Array.from(line.points)),
    dots: Array.from(own.querySelectorAll("circle, .cross"), (mark) => {
      const { x, y, width, height } = mark.getBBox();
      return { x: x + width / 2, y: y + height / 2 };
    }),
  }));
  return { x: axis(group.dataset.x), y: axis(group.dataset.y), curves };
}

// The nearest place on a curve that is shown.
function nearest(plot, at) {
  let found = { away: Infinity };
  const inside = at.x >= plot.x.start - 5 && at.x <= plot.x.stop + 5 && at.y <= plot.y.start + 5 && at.y >= plot.y.stop - 5;
  for (const curve of inside ? plot.curves : []) {
    if (curve.own.classList.contains("off")) continue;
    const along = () => curve.lines.flatMap((line) => line.map((a, k) => onto(a, line[k + 1] ?? a, at)));
    const places = curve.dots.length ? curve.dots : along(); // between dots nothing was measured
    for (const { x, y } of places) {
      const away = Math.hypot(x - at.x, y - at.y);
      if (away < found.away) found = { away, x, y, of: { x: plot.x, y: plot.y, name: curve.name } };
    }
  }
  return found;
}

// The place between two that is nearest to a third.
function onto(a, b, at) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const t = Math.min(Math.max(((at.x - a.x) * dx + (at.y - a.y) * dy) / (dx * dx + dy * dy || 1), 0), 1);
  return { x: a.x + t * dx, y: a.y + t * dy };
}

// What an axis says of a place, to three digits.
function value({ low, high, start, stop, log }, at) {
  const share = (at - start) / (stop - start);
  const found = log ? low * (high / low) ** share : low + share * (high - low);
  const near = Math.abs(found) < 5e-4 * (high - low) && !log ? 0 : found;
  return String(Number(near.toPrecision(3))).replace("-", "\u2212");
}

for (const legend of document.querySelectorAll(".legend.curves")) {
  for (const line of legend.querySelectorAll("[data-style]")) {
    const shown = Object.assign(document.createElement("input"), { type: "checkbox", checked: true });
    shown.setAttribute("aria-label", `Show ${line.textContent.trim().replace(/\s+/g, " ")}`);
    shown.addEventListener("change", () => {
      const own = legend.parentNode.querySelectorAll(`.figures [data-style="${line.dataset.style}"]`);
      for (const part of own) part.classList.toggle("off", !shown.checked);
    });
    line.prepend(shown);
  }
}
