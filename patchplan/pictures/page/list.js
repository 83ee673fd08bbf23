// The table of images: found by name or number, in an order, a hundred at a time.

const PAGE = 100;
const ORDERS = {
  data_idx: () => 0, uncovered: (image) => -image.uncovered_fraction,
  visits: (image) => -image.visits.max, patches: (image) => -image.n_patches,
};

// What lies before the names of all images: their common folder.
function commonFolder(names) {
  let parts = names[0].split("/").slice(0, -1);
  for (const name of names) {
    const others = name.split("/");
    const differs = parts.findIndex((part, i) => part !== others[i]);
    if (differs >= 0) parts = parts.slice(0, differs);
  }
  return parts.map((part) => `${part}/`).join("");
}

class ImageList {
  constructor({ images, tiles }, onChoose) {
    this.images = images;
    this.tiles = tiles;
    this.onChoose = onChoose;
    this.folder = commonFolder(images.map((image) => image.uri));
    this.chosen = 0;
    element("kept-head").hidden = !tiles;
    element("list").classList.toggle("tiles", tiles);
    element("find").addEventListener("input", () => this.order());
    element("order").addEventListener("change", () => this.order());
    element("before").addEventListener("click", () => this.show(this.page - 1));
    element("after").addEventListener("click", () => this.show(this.page + 1));
    this.order();
  }

  order() {
    const words = element("find").value.trim().toLowerCase();
    const key = (i) => ORDERS[element("order").value](this.images[i]);
    this.found = [...this.images.keys()].filter((i) => !words || String(i) === words || this.images[i].uri.toLowerCase().includes(words));
    this.found.sort((a, b) => key(a) - key(b) || a - b);
    this.show(0);
  }

  show(page) {
    this.page = page;
    const first = page * PAGE, last = Math.min(this.found.length, first + PAGE);
    element("rows").replaceChildren(...this.found.slice(first, last).map((i) => this.row(i)));
    element("shown").textContent = last ? `${whole(first + 1)} to ${whole(last)} of ${whole(this.found.length)}` : "no such image";
    element("before").disabled = !page;
    element("after").disabled = last >= this.found.length;
    this.mark(this.chosen);
  }

  row(i) {
    const image = this.images[i], row = node("tr"), name = node("td", undefined, "name");
    const button = node("button", image.uri.slice(this.folder.length));
    button.type = "button";
    button.title = image.uri;
    button.prepend(node("span", `${i}`, "number"));
    name.append(button);
    const { min, max, mean } = image.visits;
    const spread = min < max ? `${whole(min)} to ${whole(max)}` : whole(min);
    row.append(name, ...[whole(image.n_patches), spread, short(mean), percent(image.uncovered_fraction)].map((text) => node("td", text, "n")));
    if (this.tiles) row.append(node("td", partitionWord(image.partition)));
    row.role = "row"; // laid out as a grid where there is little room, a table is none to a screen reader
    for (const cell of row.children) cell.role = "cell";
    row.dataset.image = i;
    row.addEventListener("click", () => this.onChoose(i));
    return row;
  }

  mark(image) {
    this.chosen = image;
    for (const row of element("rows").children) {
      const here = Number(row.dataset.image) === image;
      row.classList.toggle("chosen", here);
      row.querySelector("button").setAttribute("aria-current", String(here));
    }
  }
}
