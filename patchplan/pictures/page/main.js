// What is chosen, and what follows from it.

const THEMES = [["", "as the system"], ["light", "light"], ["dark", "dark"]];

async function start() {
  const data = bytesOf("data");
  const head = JSON.parse(new TextDecoder().decode(await inflate(bytesOf("head"))));
  const panels = new Map(head.panels.map((panel) => [`${panel.image},${panel.sample}`, panel]));
  const chosen = { image: 0, sample: 0, turn: 0 };
  const unpacked = new Map();
  const viewer = new Viewer(element("canvas"), { onHover: told, splits: head.split_names });
  let visits = null;
  const [one, many] = head.tiles ? ["tile", "tiles"] : ["patch", "patches"];
  const list = new ImageList(head, (image) => choose(image, 0));

  function summarise() {
    const { total } = head;
    const cards = [["visits", `${whole(total.visits.min)} to ${whole(total.visits.max)}`], ["standard deviation", short(total.visits.std)], [many, whole(total.n_patches)]];
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
    for (const line of head.chosen) element("chosen").append(node("li", line));
    element("chosen").hidden = !head.chosen.length;
    element("kept-label").hidden = !head.tiles;
    for (const place of document.querySelectorAll(".many")) place.textContent = place.textContent.replace("patches", many);
    element("split-keys").hidden = !head.split_names.length;
    element("read-key").hidden = Boolean(head.split_names.length);
    head.split_names.forEach((name, i) => {
      const key = node("span", undefined, "key"), entry = node("span", ` ${name}`);
      key.style.setProperty("--ink", SPLITS[i % SPLITS.length]);
      entry.prepend(key);
      element("split-keys").append(entry);
    });
    if (head.splits) {
      element("splits-panel").hidden = false;
      showSplits(element("splits"), head.splits, many);
    }
  }

  async function choose(image, sample) {
    Object.assign(chosen, { image, sample });
    list.mark(image);
    const found = head.images[image];
    element("image-title").textContent = `Image ${image}: ${found.uri}`;
    const size = found.pixel_size ? `; pixel ${found.pixel_size.map(short).join(" x ")} ${found.pixel_unit ?? ""}` : "";
    element("image-facts").textContent = `S C ${[...head.axes].join(" ")} = ${by(found.shape)}; file axes ${found.axes}, ${found.dtype}${size}; ${plural(found.n_patches, one, many)}`;
    const samples = head.panels.filter((panel) => panel.image === image).map((panel) => panel.sample);
    element("sample").replaceChildren(...samples.map((i) => new Option(i, i)));
    element("sample").value = sample;
    element("sample-label").hidden = found.n_samples < 2;
    element("n-samples").textContent = `of 0 to ${whole(found.n_samples - 1)}${samples.length < found.n_samples ? `, the first ${whole(samples.length)} here` : ""}`;
    element("canvas").setAttribute("aria-label", `Image ${image}, sample ${sample}, with the outlines of its ${many}`);
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
    for (const option of element("layer").options) option.disabled = option.hidden = !choices[option.value];
    if (!choices[element("layer").value]) element("layer").value = ["thumbnail", "map", "none"].find((name) => choices[name]);
    const layer = element("layer").value;
    const map = layer === "map" || layer === "density" ? panel[layer] : null;
    const overlay = layer === "thumbnail" && panel.density ? panel.density : null;
    element("note").textContent = notesOf(head.images[image], panel, map ?? overlay).join(" ");
    const found = panel ? { ...panel.map, steps: await inflate(part(data, panel.map.at)) } : null;
    let background = map ? await mapOf(map, 255) : null;
    const over = overlay ? await mapOf(overlay, 110) : null;
    if (layer === "thumbnail") {
      const picture = await createImageBitmap(new Blob([part(data, panel.thumbnail.at)], { type: "image/jpeg" }));
      const [height, width] = head.images[image].shape.slice(-2);
      background = { picture, width, height, smooth: true };
    }
    if (turn !== chosen.turn) return;
    visits = found;
    element("outlines").disabled = Boolean(panel?.density) && !over;
    element("kept").disabled = Boolean(panel?.density);
    showLegend(map ?? overlay, map && background.some);
    viewer.setBackground(background, over);
    element("canvas").dataset.layer = layer;
    document.documentElement.dataset.ready = String(turn);
  }

  // What is to be known of what is shown.
  function notesOf({ n_patches, outlines }, panel, map) {
    const notes = [], [down, across] = viewer.stretch;
    if (!outlines) notes.push(`${plural(n_patches, "outline is", "outlines are")} too many for this page; instead there is the density of ${many}: how many lie over a pixel.`);
    if (head.axes.length === 3) notes.push("Outlines of all Z are drawn; a map shows the mean over Z.");
    if (panel?.thumbnail?.note) notes.push(`Image: ${panel.thumbnail.note}.`);
    if (!panel) notes.push("There is no map of this sample.");
    if (map && Math.max(...map.block) > 1) notes.push(`A map's pixel is the mean of ${by(map.block)} pixels.`);
    if (down * across > 1) notes.push(`Not to scale: ${down > 1 ? "Y" : "X"} is drawn ${short(Number((down * across).toPrecision(3)))} times as large.`);
    return notes;
  }

  // White is nothing in a map; over an image, nothing is drawn there.
  function showLegend(map, some) {
    element("legend").hidden = !map;
    element("nothing").hidden = !some;
    element("low").textContent = element("layer").value === "map" ? "visits per pixel:" : `${many} over a pixel:`;
    element("high").textContent = map ? short(map.most) : "";
  }

  async function mapOf(map, opacity) {
    const [height, width] = map.shape;
    const steps = await inflate(part(data, map.at));
    return { picture: painted(steps, map.shape, opacity), width: width * map.block[1], height: height * map.block[0], smooth: false, some: steps.includes(0) };
  }

  // Visits at a place, from the map: steps of a 255th of the most, so exact where they are few and of one pixel.
  function visitsAt(row, column) {
    const [height, width] = head.images[chosen.image].shape.slice(-2);
    if (!visits || row < 0 || column < 0 || row >= height || column >= width) return "";
    const at = Math.floor(row / visits.block[0]) * visits.shape[1] + Math.floor(column / visits.block[1]);
    const mean = (visits.steps[at] / 255) * visits.most;
    const single = Math.max(...visits.block) === 1 && head.axes.length === 2;
    if (single && visits.most < 128) return plural(Math.round(mean), "visit", "visits");
    return `about ${short(Number(mean.toPrecision(3)))} visits${single ? "" : " (mean)"}`;
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
    if (cost) facts(element("cost"), "All images", cost);
    if (mine) facts(element("cost"), `Image ${chosen.image}`, mine);
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
  new ResizeObserver(showHistogram).observe(element("histogram"));
  summarise();
  await choose(0, 0);
}

start().catch((error) => {
  element("failed").hidden = false;
  element("failed").textContent = `This page cannot be shown: ${error.message}. It needs a browser of 2023 or later.`;
  throw error;
});
