// Data of the page: base64 of zlib. Large parts are unpacked when they are first shown.

const element = (id) => document.getElementById(id);

function bytesOf(id) {
  const text = atob(element(id).textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const part = (data, [start, length]) => data.subarray(start, start + length);

// Columns as arrays; one that is the same all along stays a number.
function columnsOf(bytes, n, specs) {
  const columns = {};
  let at = 0;
  for (const spec of specs) {
    if ("value" in spec) {
      columns[spec.name] = spec.value;
    } else if (spec.kind === "f8") {
      columns[spec.name] = new Float64Array(bytes.slice(at, at + 8 * n).buffer);
      at += 8 * n;
    } else {
      const values = new Int32Array(n);
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const step = bytes[at + i] | (bytes[at + n + i] << 8) | (bytes[at + 2 * n + i] << 16) | (bytes[at + 3 * n + i] << 24);
        sum += step;
        values[i] = sum;
      }
      columns[spec.name] = values;
      at += 4 * n;
    }
  }
  return columns;
}

const value = (column, i) => (typeof column === "number" ? column : column[i]);

// Boxes of one sample, as [top, left, bottom, right].
function boxesIn(columns, n, sample, tiles) {
  const boxes = [];
  const box = (corner, size, i) => {
    const top = value(columns[`${corner}_y`], i), left = value(columns[`${corner}_x`], i);
    return [top, left, top + value(columns[`${size}_y`], i), left + value(columns[`${size}_x`], i)];
  };
  for (let i = 0; i < n; i++) {
    if (value(columns.sample_idx, i) !== sample) continue;
    const kept = tiles ? box("stitch_coords", "crop_size", i) : null;
    boxes.push({ row: i, read: box("coords", "patch_size", i), kept, split: "split" in columns ? value(columns.split, i) : null });
  }
  return boxes;
}

// A box line by line in one direction, so that dashes of neighbours coincide.
function edges(path, x, y, width, height) {
  for (const [left, top, right, bottom] of [[0, 0, 1, 0], [0, 1, 1, 1], [0, 0, 0, 1], [1, 0, 1, 1]]) {
    path.moveTo(x + left * width, y + top * height);
    path.lineTo(x + right * width, y + bottom * height);
  }
}

// Colours of a scale that the colour-blind can read, viridis; 0 is white.
const VIRIDIS = ["440154", "482475", "414487", "355f8d", "2a788e", "21918c", "22a884", "44bf70", "7ad151", "bddf26", "fde725"]
  .map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));

function colour(fraction) {
  const at = Math.min(Math.max(fraction, 0), 1) * (VIRIDIS.length - 1);
  const i = Math.min(Math.floor(at), VIRIDIS.length - 2);
  return VIRIDIS[i].map((low, k) => Math.round(low + (VIRIDIS[i + 1][k] - low) * (at - i)));
}

const PALETTE = Array.from({ length: 256 }, (_, i) => (i ? colour(i / 255) : [255, 255, 255]));

// A map in colours; 0 is white, or lets through what is below.
function painted(bytes, [height, width], opacity = 255) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  bytes.forEach((step, i) => pixels.data.set([...PALETTE[step], step || opacity === 255 ? opacity : 0], 4 * i));
  context.putImageData(pixels, 0, 0);
  return canvas;
}

const whole = (n) => n.toLocaleString("en-US");
const plural = (n, one, many) => `${whole(n)} ${n === 1 ? one : many}`;
const by = (shape) => shape.map(whole).join(" x ");

function short(n) {
  if (!Number.isFinite(n)) return String(n);
  if (Number.isInteger(n)) return whole(n);
  return Math.abs(n) >= 10000 ? whole(Math.round(n)) : String(Number(n.toPrecision(4)));
}

// What is little is not shown as nothing, nor nearly all as all.
function percent(fraction) {
  if (fraction === 0 || fraction === 1) return `${100 * fraction} %`;
  if (fraction < 0.0001) return "< 0.01 %";
  return fraction > 0.9999 ? "> 99.99 %" : `${(100 * fraction).toFixed(2)} %`;
}

function partitionWord(partition) {
  if (!partition) return "-";
  if (partition.exact) return "exact";
  return ["gap", "double", "misplaced"].filter((name) => partition[`${name}_pixels`]).map((name) => (name === "misplaced" ? name : `${name}s`)).join(", ");
}
