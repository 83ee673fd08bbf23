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

// A round step that makes two to five of the largest.
function tickStep(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [0.2, 0.5, 1].map((part) => part * power).find((each) => most / each <= 5) ?? 2 * power;
}

function drawHistogram(place, bars, name) {
  const width = Math.max(280, place.clientWidth), height = 220, left = 52, right = 8, top = 22, bottom = 42;
  const pixels = bars.reduce((sum, bar) => sum + bar[2], 0) || 1;
  const most = Math.max(...bars.map((bar) => bar[2])) / pixels || 1;
  const label = `Histogram of ${name}: ${bars.slice(0, 12).map((bar) => `${visitsWord(bar)} visits ${percent(bar[2] / pixels)}`).join(", ")}`;
  const picture = svg("svg", { width, height, role: "img", "aria-label": label });
  const each = tickStep(most), n_ticks = Math.ceil(most / each);
  const up = (fraction) => height - bottom - (fraction / (n_ticks * each)) * (height - top - bottom);
  for (let i = 0; i <= n_ticks; i++) {
    const tick = i * each;
    picture.append(svg("line", { x1: left, x2: width - right, y1: up(tick), y2: up(tick) }));
    picture.append(svg("text", { x: left - 6, y: up(tick) + 4, "text-anchor": "end" }, `${Number((100 * tick).toPrecision(3))} %`));
  }
  const step = (width - left - right) / bars.length;
  const every = Math.ceil(44 / step), labelled = step >= 58;
  bars.forEach((bar, i) => {
    const x = left + i * step, wide = Math.min(Math.max(1, step * 0.86), 60), y = up(bar[2] / pixels);
    const drawn = svg("rect", { class: "bar", x: x + (step - wide) / 2, y: Math.min(y, height - bottom - 1), width: wide, height: Math.max(1, height - bottom - y) });
    drawn.append(svg("title", {}, `${visitsWord(bar)} visits: ${whole(bar[2])} pixels, ${percent(bar[2] / pixels)}`));
    picture.append(drawn);
    if (labelled) picture.append(svg("text", { class: "on", x: x + step / 2, y: y - 5, "text-anchor": "middle" }, percent(bar[2] / pixels)));
    if (i % every === 0) picture.append(svg("text", { x: x + step / 2, y: height - bottom + 16, "text-anchor": "middle" }, whole(bar[0])));
  });
  picture.append(svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle" }, "visits per pixel"));
  place.replaceChildren(picture);
  place.dataset.bars = bars.length;
}

// What and text, line by line.
function facts(place, title, lines) {
  const table = node("table"), head = node("caption", title);
  table.append(head);
  for (const [what, text] of lines) {
    const row = node("tr"), name = node("th", what);
    name.scope = "row";
    row.append(name, node("td", text));
    table.append(row);
  }
  place.append(table);
}

const figure = (setting) => (Array.isArray(setting) ? setting.map(figure).join(", ") : typeof setting === "number" ? short(setting) : String(setting));

// Things of one kind as a table, the first 50.
function records(place, list) {
  const names = Object.keys(list[0]), table = node("table"), head = node("tr");
  for (const name of names) head.append(node("th", name));
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

function showSplits(place, { per_split: figures, context, leaks }, many) {
  records(place, Object.entries(figures).map(([name, one]) => ({ split: name, [many]: one.n_patches, "pixels read": one.pixels })));
  const counted = context.some(Boolean) ? `, ${context.join(", ")} pixels of context around each patch counted in` : "";
  place.append(node("p", leaks.length ? `These share pixels${counted}:` : `No pixel is in two splits${counted}.`));
  if (!leaks.length) return;
  records(place, leaks.map(({ splits, fold, pixels, boxes }) => ({
    splits, ...(fold !== null && { fold }), "pixels shared": pixels, "first boxes": boxes.slice(0, 3).map(boxWord).join("; "),
  })));
}
