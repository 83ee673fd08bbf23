"""A page in headless Chromium: what it looks like to its own script after a while, and what the console says."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

FRAMES = "<script>window.requestAnimationFrame = (frame) => setTimeout(frame, 16);</script>"
"""A page that is dumped gets no frames after its first."""

STEPS = """
(async () => {
  const canvas = document.getElementById("canvas");
  const pause = (n) => new Promise((done) => setTimeout(done, n));
  const drawn = async (change) => {
    const before = document.documentElement.dataset.ready;
    await change();
    for (let i = 0; i < 200 && document.documentElement.dataset.ready === before; i++) await pause(20);
    await pause(100);
  };
  const choose = (id, value) => drawn(() => {
    document.getElementById(id).value = value;
    document.getElementById(id).dispatchEvent(new Event("change"));
  });
  const hover = async (fractionX, fractionY, width, height) => {
    const frame = canvas.getBoundingClientRect();
    const scale = Math.min((frame.width - 24) / width, (frame.height - 24) / height);
    const left = (frame.width - width * scale) / 2, top = (frame.height - height * scale) / 2;
    canvas.dispatchEvent(new PointerEvent("pointermove", {
      clientX: frame.left + left + fractionX * width * scale, clientY: frame.top + top + fractionY * height * scale,
    }));
    await pause(100);
    const tip = document.getElementById("tip");
    return tip.hidden ? null : tip.textContent;
  };
  const press = async (key) => {
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key }));
    await pause(100);
    return document.getElementById("status").textContent;
  };
  const text = (id) => document.getElementById(id).textContent;
  const seen = {};
  await drawn(() => {});
  try {
    STEPS
  } catch (error) {
    seen.error = String(error);
  }
  document.body.dataset.seen = JSON.stringify(seen);
})();
"""


class Shown(NamedTuple):
    """The page as it was in the end, lines of the console, and what the steps wrote into `seen`."""

    dom: str
    console: list[str]
    seen: dict[str, Any]


def show(path: Path, steps: str = "", *, size: str = "1400,1200") -> Shown:
    """Open a page; or a copy of it whose policy lets these steps run, too."""
    if steps:
        page = path.read_text().replace('http-equiv="Content-Security-Policy"', 'name="policy"')
        script = f"<script>{STEPS.replace('STEPS', steps)}</script>\n</body>"
        path = path.with_name(f"steps-{path.stem}.html")
        path.write_text(page.replace("<body>", f"<body>{FRAMES}").replace("</body>", script))
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={path.parent / 'profile'}"]
    flags += ["--virtual-time-budget=20000", "--enable-logging=stderr", f"--window-size={size}", "--dump-dom"]
    done = subprocess.run(
        [CHROMIUM, *flags, path.resolve().as_uri()], capture_output=True, text=True, timeout=120, check=False
    )
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    return Shown(done.stdout, console, json.loads(html.unescape(found[1])) if found else {})
