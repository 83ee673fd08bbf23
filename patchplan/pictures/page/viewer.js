// The image with its outlines: pan, zoom, what is under the pointer.

const READ = "#56b4e9", KEPT = "#e69f00", HALO = "rgba(0, 0, 0, 0.6)", FOUND = "#ffffff", EDGE = "#808890";
// Apart from each other and from KEPT also for the colour-blind: CIELAB distances of 24 and more, simulated.
const SPLITS = ["#56b4e9", "#ffffff", "#9b59ff", "#ff5c5c", "#0072b2"];
const ASPECT = 8; // an image is drawn at most so many times longer than wide

class Viewer {
  constructor(canvas, { onHover, splits }) {
    this.canvas = canvas;
    this.onHover = onHover;
    this.splits = splits;
    this.show = { outlines: true, kept: true };
    this.size = [1, 1];
    this.stretch = [1, 1];
    this.boxes = [];
    this.background = this.overlay = null;
    this.found = -1;
    this.listen();
    new ResizeObserver(() => this.resized()).observe(canvas);
  }

  // Boxes are {row, read: [top, left, bottom, right], kept: the same or null, split}; they end with a stretched axis.
  set(size, boxes) {
    this.size = size;
    this.stretch = size.map((n) => Math.max(1, Math.max(...size) / ASPECT / n));
    const within = ([top, left, ...ends]) => [top, left, ...ends.map((end, axis) => (this.stretch[axis] > 1 ? Math.min(end, size[axis]) : end))];
    this.boxes = boxes.map((box) => ({ ...box, read: within(box.read), kept: box.kept && within(box.kept) }));
    this.found = -1;
    this.fit();
  }

  // Pictures are {picture, width, height, smooth}, as large in image pixels, or null.
  setBackground(background, overlay) {
    this.background = background;
    this.overlay = overlay;
    this.draw();
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const pad = 12, [down, across] = this.size.map((n, axis) => n * this.stretch[axis]);
    this.least = Math.min((width - 2 * pad) / across, (height - 2 * pad) / down);
    this.scale = this.least;
    this.left = (width - across * this.scale) / 2;
    this.top = (height - down * this.scale) / 2;
    this.draw();
  }

  resized() {
    const fitted = this.scale === this.least;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (fitted) this.fit();
    else this.draw();
  }

  zoom(times, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const scale = Math.min(Math.max(this.scale * times, this.least / 2), 64);
    this.left = x - ((x - this.left) * scale) / this.scale;
    this.top = y - ((y - this.top) * scale) / this.scale;
    this.scale = scale;
    this.draw();
  }

  move(right, down) {
    this.left += right;
    this.top += down;
    this.draw();
  }

  inView(box) {
    const [x, y, width, height] = this.placed(box);
    return x + width > 0 && x < this.canvas.clientWidth && y + height > 0 && y < this.canvas.clientHeight;
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.paint();
    });
  }

  paint() {
    const context = this.canvas.getContext("2d");
    const ratio = this.canvas.width / Math.max(1, this.canvas.clientWidth);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.canvas.clientWidth, this.canvas.clientHeight);
    context.fillStyle = "#20262d";
    context.fillRect(...this.placed([0, 0, ...this.size]));
    context.save();
    context.beginPath();
    context.rect(...this.placed([0, 0, ...this.size]));
    context.clip();
    for (const layer of [this.background, this.show.outlines ? this.overlay : null]) {
      if (!layer) continue;
      const place = this.placed([0, 0, layer.height, layer.width]);
      const fine = Math.min(place[2] / layer.picture.width, place[3] / layer.picture.height) * ratio < 3;
      context.imageSmoothingEnabled = layer.smooth || fine; // unequally wide pixels would show as stripes
      context.drawImage(layer.picture, ...place);
    }
    context.restore();
    context.lineWidth = 1;
    context.strokeStyle = EDGE;
    context.strokeRect(...this.placed([0, 0, ...this.size]));
    const seen = this.boxes.filter((box) => this.inView(box.read));
    if (this.show.outlines) this.stroke(context, seen, "read", (box) => this.readColour(box), []);
    if (this.show.kept) this.stroke(context, seen.filter((box) => box.kept), "kept", () => KEPT, [5, 4]);
    if (this.found >= 0) this.highlight(context, this.boxes[this.found]);
    this.canvas.dataset.outlines = this.show.outlines ? seen.length : 0;
    this.canvas.dataset.kept = this.show.kept ? seen.filter((box) => box.kept).length : 0;
    this.canvas.dataset.overlay = this.show.outlines && this.overlay ? "density" : "none";
  }

  placed([top, left, bottom, right]) {
    const [down, across] = this.stretch.map((times) => times * this.scale);
    return [left * across + this.left, top * down + this.top, (right - left) * across, (bottom - top) * down];
  }

  readColour(box) {
    return box.split === null ? READ : SPLITS[box.split % SPLITS.length];
  }

  // A dark line below each bright one keeps it visible on any picture. Boxes that are small or very many go without.
  stroke(context, boxes, part, colourOf, dash) {
    const dense = boxes.length > 3000 || (boxes.length > 100 && Math.min(...this.placed(boxes[0][part]).slice(2)) < 8);
    context.setLineDash(dense ? [] : dash);
    context.globalAlpha = dense ? 0.65 : 1;
    for (const halo of dense ? [false] : [true, false]) {
      const groups = new Map();
      for (const box of boxes) {
        const key = halo ? HALO : colourOf(box);
        if (!groups.has(key)) groups.set(key, new Path2D());
        if (dense || !dash.length) groups.get(key).rect(...this.placed(box[part]));
        else edges(groups.get(key), ...this.placed(box[part]));
      }
      context.lineWidth = halo ? 3 : dense ? 0.7 : 1.3;
      for (const [key, path] of groups) {
        context.strokeStyle = key;
        context.stroke(path);
      }
    }
    context.setLineDash([]);
    context.globalAlpha = 1;
  }

  highlight(context, box) {
    const [x, y, width, height] = this.placed(box.read);
    context.fillStyle = "rgba(86, 180, 233, 0.25)";
    context.fillRect(x, y, width, height);
    if (box.kept) {
      context.fillStyle = "rgba(230, 159, 0, 0.35)";
      context.fillRect(...this.placed(box.kept));
    }
    for (const [colourOf, width_] of [["#000000", 5], [FOUND, 2.5]]) {
      context.strokeStyle = colourOf;
      context.lineWidth = width_;
      context.strokeRect(x, y, width, height);
    }
  }

  // The box whose middle is nearest, of those that hold the point; and how many do.
  at(x, y) {
    const column = (x - this.left) / this.scale / this.stretch[1], row = (y - this.top) / this.scale / this.stretch[0];
    let best = -1, nearest = Infinity, n = 0;
    this.boxes.forEach(({ read: [top, left, bottom, right] }, i) => {
      if (row < top || row >= bottom || column < left || column >= right) return;
      n += 1;
      const distance = Math.hypot(row - (top + bottom) / 2, column - (left + right) / 2);
      if (distance < nearest) [best, nearest] = [i, distance];
    });
    return { best, n, row: Math.floor(row), column: Math.floor(column) };
  }

  point(x, y) {
    const { best, n, row, column } = this.at(x, y);
    if (best !== this.found) {
      this.found = best;
      this.draw();
    }
    this.onHover({ x, y, row, column, n, box: this.boxes[best] ?? null });
  }

  leave() {
    this.found = -1;
    this.draw();
    this.onHover(null);
  }

  step(by_) {
    const seen = this.boxes.map((box, i) => i).filter((i) => this.inView(this.boxes[i].read));
    if (!seen.length) return;
    const place = seen.indexOf(this.found);
    this.found = seen[place < 0 ? (by_ > 0 ? 0 : seen.length - 1) : (place + by_ + seen.length) % seen.length];
    const [x, y, width, height] = this.placed(this.boxes[this.found].read);
    this.draw();
    const [top, left] = this.boxes[this.found].read;
    this.onHover({ x: x + width / 2, y: y + height / 2, row: top, column: left, n: 1, box: this.boxes[this.found] });
  }

  listen() {
    let held = null;
    const place = (event) => {
      const frame = this.canvas.getBoundingClientRect();
      return [event.clientX - frame.left, event.clientY - frame.top];
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      held = place(event);
      try {
        this.canvas.setPointerCapture(event.pointerId);
      } catch {
        held = place(event); // the pointer has gone already
      }
    });
    this.canvas.addEventListener("pointerup", () => (held = null));
    this.canvas.addEventListener("pointercancel", () => (held = null));
    this.canvas.addEventListener("pointermove", (event) => {
      const [x, y] = place(event);
      if (held) {
        this.move(x - held[0], y - held[1]);
        held = [x, y];
      } else {
        this.point(x, y);
      }
    });
    this.canvas.addEventListener("pointerleave", () => this.leave());
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-Math.sign(event.deltaY) * 0.2), ...place(event));
    }, { passive: false });
    this.canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const keys = {
        ArrowLeft: () => this.move(40, 0), ArrowRight: () => this.move(-40, 0),
        ArrowUp: () => this.move(0, 40), ArrowDown: () => this.move(0, -40),
        "+": () => this.zoom(1.25), "=": () => this.zoom(1.25), "-": () => this.zoom(0.8), 0: () => this.fit(),
        n: () => this.step(1), p: () => this.step(-1), Escape: () => this.leave(),
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
}
