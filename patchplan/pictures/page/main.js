// What is chosen, and what follows from it.

const PAGE = 100;
const THEMES = [["", "as the system"], ["light", "light"], ["dark", "dark"]];

async function start() {
  const data = bytesOf("data");
  const head = JSON.parse(new TextDecoder().decode(await inflate(bytesOf("head"))));
  const panels = new Map(head.panels.map((panel) => [`${panel.image},${panel.sample}`, panel]));
  const chosen = { image: 0, sample: 0, page: 0, turn: 0 };
  const unpacked = new Map();
  const viewer = new Viewer(element("canvas"), { onHover: told, splits: head.split_names });
  let list = [];
  let visits = null;

  function summarise() {
    const { total } = head;
    const cards = [["visits", `${whole(total.visits.min)} to ${whole(total.visits.max)}`], ["standard deviation", short(total.visits.std)], ["patches", whole(total.n_patches)]];
    if (head.epochs) cards.push(["epochs", whole(head.epochs)]);
    if (total.partition) cards.push(["kept parts", total.partition.exact ? "exact partition" : partitionWord(total.partition)]);
    element("mean").textContent = short(total.visits.mean);
    for (const [name, text] of cards) {
      const card = node("div");
      card.append(node("dt", name), node("dd", text));
      element("summary").append(card);
    }
    for (const finding of head.findings) element("findings").append(node("li", finding));
    element("findings").hidden = !head.findings.length;
    element("kept-head").hidden = element("kept-label").hidden = !head.tiles;
    element("split-keys").hidden = !head.split_names.length;
    head.split_names.forEach((name, i) => {
      const key = node("span", undefined, "key"), entry = node("span", ` ${name}`);
      key.style.borderColor = SPLITS[i % SPLITS.length];
      entry.prepend(key);
      element("split-keys").append(entry);
    });
    if (head.splits) {
      element("splits-panel").hidden = false;
      showSplits(element("splits"), head.splits);
    }
  }

  function order() {
    const words = element("find").value.trim().toLowerCase();
    const key = {
      data_idx: () => 0, uncovered: (image) => -image.uncovered_fraction,
      visits: (image) => -image.visits.max, patches: (image) => -image.n_patches,
    }[element("order").value];
    list = head.images.map((image, i) => i).filter((i) => !words || String(i) === words || head.images[i].uri.toLowerCase().includes(words));
    list.sort((a, b) => key(head.images[a]) - key(head.images[b]) || a - b);
    chosen.page = 0;
    showList();
  }

  function showList() {
    const first = chosen.page * PAGE;
    element("rows").replaceChildren(...list.slice(first, first + PAGE).map(rowOf));
    const last = Math.min(list.length, first + PAGE);
    element("shown").textContent = list.length ? `${whole(first + 1)} to ${whole(last)} of ${whole(list.length)}` : "no such image";
    element("before").disabled = !chosen.page;
    element("after").disabled = last >= list.length;
  }

  function rowOf(i) {
    const image = head.images[i], row = node("tr"), name = node("td", undefined, "name");
    const button = node("button", `${i}  ${image.uri}`);
    button.type = "button";
    name.append(button);
    const spread = image.visits.min < image.visits.max ? `${whole(image.visits.min)} to ${whole(image.visits.max)}` : whole(image.visits.min);
    row.append(name, ...[whole(image.n_patches), spread, short(image.visits.mean), percent(image.uncovered_fraction)].map((text) => node("td", text, "n")));
    if (head.tiles) row.append(node("td", partitionWord(image.partition)));
    row.dataset.image = i;
    mark(row);
    row.addEventListener("click", () => choose(i, 0));
    return row;
  }

  function mark(row) {
    const here = Number(row.dataset.image) === chosen.image;
    row.classList.toggle("chosen", here);
    row.querySelector("button").setAttribute("aria-current", String(here));
  }

  async function choose(image, sample) {
    Object.assign(chosen, { image, sample });
    for (const row of element("rows").children) mark(row);
    const found = head.images[image];
    element("image-title").textContent = `Image ${image}: ${found.uri}`;
    const size = found.pixel_size ? `; pixel ${found.pixel_size.map(short).join(" x ")} ${found.pixel_unit ?? ""}` : "";
    element("image-facts").textContent = `S C ${[...head.axes].join(" ")} = ${by(found.shape)}; file axes ${found.axes}, ${found.dtype}${size}; ${whole(found.n_patches)} ${head.tiles ? "tiles" : "patches"}`;
    const samples = head.panels.filter((panel) => panel.image === image).map((panel) => panel.sample);
    element("sample").replaceChildren(...samples.map((i) => new Option(`${i} of ${whole(found.n_samples)}`, i)));
    element("sample").value = sample;
    element("sample").disabled = samples.length < 2;
    element("canvas").setAttribute("aria-label", `Image ${image}, sample ${sample}, with the outlines of its patches`);
    showHistogram();
    showCost();
    await showSample();
  }

  async function showSample() {
    const turn = ++chosen.turn;
    const { image, sample } = chosen;
    const boxes = await boxesOf(image, sample);
    if (turn !== chosen.turn) return;
    viewer.set(head.images[image].shape.slice(-2), boxes);
    element("canvas").dataset.total = boxes.length;
    element("canvas").dataset.image = image;
    told(null);
    await showLayer(turn);
  }

  async function boxesOf(image, sample) {
    const packed = head.images[image].outlines;
    if (!packed) return [];
    if (!unpacked.has(image)) unpacked.set(image, columnsOf(await inflate(part(data, packed.at)), packed.n, packed.columns));
    return boxesIn(unpacked.get(image), packed.n, sample, head.tiles);
  }

  async function showLayer(turn = ++chosen.turn) {
    const { image, sample } = chosen;
    const panel = panels.get(`${image},${sample}`);
    const choices = { thumbnail: panel?.thumbnail?.at, map: panel?.map, density: panel?.density, none: true };
    for (const option of element("layer").options) option.disabled = !choices[option.value];
    if (!choices[element("layer").value]) element("layer").value = ["thumbnail", "map", "none"].find((name) => choices[name]);
    const layer = element("layer").value;
    const notes = [];
    const many = !head.images[image].outlines;
    if (many) notes.push(`${whole(head.images[image].n_patches)} outlines are too many to draw here: shown is where patches begin.`);
    if (head.axes.length === 3) notes.push(`Outlines of all Z are drawn; a map shows the mean over Z.`);
    if (panel?.thumbnail?.note) notes.push(`Image: ${panel.thumbnail.note}.`);
    if (!panel) notes.push("There is no map of this sample.");
    const map = layer === "map" || layer === "density" ? panel[layer] : null;
    if (map && map.factor > 1) notes.push(layer === "map" ? `A map's pixel is the mean of ${map.factor} x ${map.factor} pixels.` : `A map's pixel is ${map.factor} x ${map.factor} pixels.`);
    element("note").textContent = notes.join(" ");
    visits = panel ? { ...panel.map, steps: await inflate(part(data, panel.map.at)) } : null;
    let background = map ? await mapOf(map, 255) : null;
    const overlay = layer === "thumbnail" && many && panel.density ? await mapOf(panel.density, 130) : null;
    if (layer === "thumbnail") {
      const picture = await createImageBitmap(new Blob([part(data, panel.thumbnail.at)], { type: "image/jpeg" }));
      const [height, width] = head.images[image].shape.slice(-2);
      background = { picture, width, height, smooth: true };
    }
    if (turn !== chosen.turn) return;
    const scaled = map ?? (overlay ? panel.density : null);
    element("legend").hidden = !scaled;
    element("low").textContent = layer === "map" ? "visits per pixel: > 0" : "patches begun: > 0";
    element("high").textContent = scaled ? short(scaled.most) : "";
    viewer.setBackground(background, overlay);
    element("canvas").dataset.layer = layer;
    document.documentElement.dataset.ready = String(turn);
  }

  async function mapOf(map, opacity) {
    const [height, width] = map.shape;
    const picture = painted(await inflate(part(data, map.at)), map.shape, opacity);
    return { picture, width: width * map.factor, height: height * map.factor, smooth: false };
  }

  // Mean visits at a place, from the map.
  function visitsAt(row, column) {
    const [height, width] = head.images[chosen.image].shape.slice(-2);
    if (!visits || row < 0 || column < 0 || row >= height || column >= width) return "";
    const at = Math.floor(row / visits.factor) * visits.shape[1] + Math.floor(column / visits.factor);
    const mean = (visits.steps[at] / 255) * visits.most;
    return `about ${short(Number(mean.toPrecision(3)))} visits${visits.factor > 1 || head.axes.length === 3 ? " (mean)" : ""}`;
  }

  function lines(box) {
    const columns = unpacked.get(chosen.image), letters = [...head.axes.toLowerCase()];
    const triple = (name) => letters.map((letter) => whole(value(columns[`${name}_${letter}`], box.row))).join(", ");
    const found = [`index ${whole(value(columns.index, box.row))}`];
    if ("epoch" in columns) found[0] += `, epoch ${value(columns.epoch, box.row)}`;
    if (box.split !== null) found.push(`split ${head.split_names[box.split]}`);
    found.push(`coords ${triple("coords")}`, `patch size ${triple("patch_size")}`);
    if (head.tiles) found.push(`kept at ${triple("stitch_coords")}`, `kept size ${triple("crop_size")}`);
    return found;
  }

  function told(hover) {
    const tip = element("tip");
    tip.hidden = !hover?.box;
    if (!hover) {
      element("status").textContent = "";
      return;
    }
    const here = `Y ${whole(hover.row)}, X ${whole(hover.column)}: ${visitsAt(hover.row, hover.column)}`;
    const found = hover.box ? lines(hover.box) : [];
    element("status").textContent = [here, ...found].join("; ");
    if (!hover.box) return;
    tip.textContent = [...found, ...(hover.n > 1 ? [`and ${whole(hover.n - 1)} more here`] : [])].join("\n");
    const stage = tip.parentElement;
    tip.style.left = `${Math.max(0, Math.min(hover.x + 14, stage.clientWidth - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(0, Math.min(hover.y + 14, stage.clientHeight - tip.offsetHeight))}px`;
  }

  function showHistogram() {
    const total = element("of").value === "total";
    drawHistogram(element("histogram"), (total ? head.total : head.images[chosen.image]).histogram, total ? "all images" : `image ${chosen.image}`);
  }

  function showCost() {
    const mine = head.images[chosen.image].cost, { cost } = head.total;
    element("cost-panel").hidden = !mine && !cost;
    element("cost").replaceChildren();
    compare(element("cost"), { ...(cost && { "all images": cost }), ...(mine && { [`image ${chosen.image}`]: mine }) });
  }

  function theme() {
    const now = THEMES.findIndex(([name]) => name === (document.documentElement.dataset.theme ?? ""));
    const [name, word] = THEMES[(now + 1) % THEMES.length];
    if (name) document.documentElement.dataset.theme = name;
    else delete document.documentElement.dataset.theme;
    element("theme").textContent = `Theme: ${word}`;
  }

  const scale = element("scale").getContext("2d");
  PALETTE.forEach((rgb, i) => {
    scale.fillStyle = `rgb(${(i ? rgb : PALETTE[1]).join(",")})`;
    scale.fillRect(i, 0, 1, 1);
  });
  element("theme").addEventListener("click", theme);
  element("find").addEventListener("input", order);
  element("order").addEventListener("change", order);
  for (const [id, by_] of [["before", -1], ["after", 1]]) {
    element(id).addEventListener("click", () => {
      chosen.page += by_;
      showList();
    });
  }
  element("sample").addEventListener("change", () => choose(chosen.image, Number(element("sample").value)));
  element("layer").addEventListener("change", () => showLayer());
  for (const name of ["outlines", "kept"]) {
    element(name).addEventListener("change", () => {
      viewer.show[name] = element(name).checked;
      viewer.draw();
    });
  }
  element("in").addEventListener("click", () => viewer.zoom(1.25));
  element("out").addEventListener("click", () => viewer.zoom(0.8));
  element("fit").addEventListener("click", () => viewer.fit());
  element("of").addEventListener("change", showHistogram);
  summarise();
  order();
  await choose(0, 0);
}

start().catch((error) => {
  element("failed").hidden = false;
  element("failed").textContent = `This page cannot be shown: ${error.message}. It needs a browser of 2023 or later.`;
  throw error;
});
