// Histogram and tables of facts. All text is set as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

function svg(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, setting] of Object.entries(attributes)) node.setAttribute(key, setting);
  if (text !== undefined) node.textContent = text;
  return node;
}

function node(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const visitsWord = ([first, last]) => (first === last ? whole(first) : `${whole(first)} to ${whole(last)}`);

function drawHistogram(place, bars, name) {
  const width = 640, height = 250, left = 68, right = 8, top = 12, bottom = 46;
  const pixels = bars.reduce((sum, bar) => sum + bar[2], 0) || 1;
  const most = Math.max(...bars.map((bar) => bar[2])) / pixels || 1;
  const label = `Histogram of ${name}: ${bars.slice(0, 12).map((bar) => `${visitsWord(bar)} visits ${percent(bar[2] / pixels)}`).join(", ")}`;
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  const up = (fraction) => height - bottom - (fraction / most) * (height - top - bottom);
  for (const tick of [0, most / 2, most]) {
    picture.append(svg("line", { x1: left, x2: width - right, y1: up(tick), y2: up(tick) }));
    picture.append(svg("text", { x: left - 6, y: up(tick) + 5, "text-anchor": "end" }, `${Number((100 * tick).toPrecision(3))} %`));
  }
  const step = (width - left - right) / bars.length;
  const every = Math.ceil(bars.length / 12);
  bars.forEach((bar, i) => {
    const x = left + i * step, wide = Math.min(Math.max(1, step * 0.86), 60), y = up(bar[2] / pixels);
    const drawn = svg("rect", { class: "bar", x: x + (step - wide) / 2, y: Math.min(y, height - bottom - 1), width: wide, height: Math.max(1, height - bottom - y) });
    drawn.append(svg("title", {}, `${visitsWord(bar)} visits: ${whole(bar[2])} pixels, ${percent(bar[2] / pixels)}`));
    picture.append(drawn);
    if (i % every === 0) picture.append(svg("text", { x: x + step / 2, y: height - bottom + 18, "text-anchor": "middle" }, whole(bar[0])));
  });
  picture.append(svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, "visits per pixel"));
  place.replaceChildren(picture);
  place.dataset.bars = bars.length;
}

const spaced = (name) => name.replaceAll("_", " ");

// Nested figures by their path: {a: {b: 1}} becomes {"a: b": 1}.
function flattened(found, before = "") {
  return Object.entries(found ?? {}).flatMap(([name, setting]) => {
    const path = before + spaced(name);
    if (setting === null || setting === undefined) return [];
    return isFigure(setting) ? [[path, figure(setting)]] : flattened(setting, `${path}: `);
  });
}

// A table with a column for each of these, and a row for each figure that any has.
function compare(place, found) {
  const columns = Object.entries(found).map(([name, one]) => [name, new Map(flattened(one))]);
  const table = node("table"), head = node("tr"), body = node("tbody");
  head.append(node("td"), ...columns.map(([name]) => node("th", name)));
  for (const name of new Set(columns.flatMap(([, figures]) => [...figures.keys()]))) {
    const row = node("tr"), title = node("th", name);
    title.scope = "row";
    row.append(title, ...columns.map(([, figures]) => node("td", figures.get(name) ?? "-")));
    body.append(row);
  }
  table.append(head, body);
  place.append(table);
}

const isFigure = (setting) => typeof setting !== "object" || (Array.isArray(setting) && setting.every((one) => typeof one !== "object"));

function figure(setting) {
  if (Array.isArray(setting)) return setting.map(figure).join(", ");
  if (typeof setting === "boolean") return setting ? "yes" : "no";
  return typeof setting === "number" ? short(setting) : String(setting);
}

// Things of one kind as a table, the first 50.
function records(place, list) {
  const names = Object.keys(list[0]), table = node("table"), head = node("tr");
  for (const name of names) head.append(node("th", spaced(name)));
  table.append(head);
  for (const one of list.slice(0, 50)) {
    const row = node("tr");
    for (const name of names) row.append(node("td", one[name] === null ? "-" : figure(one[name])));
    table.append(row);
  }
  place.append(table);
  if (list.length > 50) place.append(node("p", `and ${whole(list.length - 50)} more`, "muted"));
}

function boxWord({ data_idx, sample_idx, start, stop }) {
  return `image ${data_idx} sample ${sample_idx} [${start.map((low, i) => `${low}:${stop[i]}`).join(", ")}]`;
}

function showSplits(place, { per_split: figures, context, leaks }) {
  records(place, Object.entries(figures).map(([name, one]) => ({ split: name, patches: one.n_patches, "pixels read": one.pixels })));
  const counted = context.some(Boolean) ? `, ${context.join(", ")} pixels of context around each patch counted in` : "";
  place.append(node("p", leaks.length ? `These share pixels${counted}:` : `No pixel is in two splits${counted}.`));
  if (!leaks.length) return;
  records(place, leaks.map(({ splits, fold, pixels, boxes }) => ({
    splits, ...(fold !== null && { fold }), "pixels shared": pixels, "first boxes": boxes.slice(0, 3).map(boxWord).join("; "),
  })));
}
