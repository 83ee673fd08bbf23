"""A page in headless Chromium: what it looks like to its own script after a while, and what the console says."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import patchplan
from patchplan.pictures.page import write_page
from patchplan.plans.plan import open_plan

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

ATTEMPTS = 4
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
    if (document.documentElement.dataset.ready === before) seen.late = true;
    await pause(100);
  };
  const choose = (id, value) => drawn(() => {
    document.getElementById(id).value = value;
    document.getElementById(id).dispatchEvent(new Event("change"));
  });
  const hover = async (fractionX, fractionY, width, height) => {
    const frame = canvas.getBoundingClientRect(), longest = Math.max(width, height);
    [width, height] = [Math.max(width, longest / 8), Math.max(height, longest / 8)];
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
    """Open a page; or a copy of it whose policy lets these steps run, too.

    Time is virtual there, unpacking is not: on a busy machine it may come too late, and the page is opened again.
    """
    if steps:
        page = path.read_text().replace('http-equiv="Content-Security-Policy"', 'name="policy"')
        script = f"<script>{STEPS.replace('STEPS', steps)}</script>\n</body>"
        path = path.with_name(f"steps-{path.stem}.html")
        path.write_text(page.replace("<body>", f"<body>{FRAMES}").replace("</body>", script))
    for _ in range(ATTEMPTS):
        shown = _opened(path, size)
        if shown.console or ("data-ready=" in shown.dom and "late" not in shown.seen):
            break
    return shown


def _opened(path: Path, size: str) -> Shown:
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={path.parent / 'profile'}"]
    flags += ["--virtual-time-budget=20000", "--enable-logging=stderr", f"--window-size={size}", "--dump-dom"]
    done = subprocess.run(
        [CHROMIUM, *flags, path.resolve().as_uri()], capture_output=True, text=True, timeout=120, check=False
    )
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    found = re.search(r'data-seen="([^"]*)"', done.stdout)
    return Shown(done.stdout, console, json.loads(html.unescape(found[1])) if found else {})


def page_of(path: Path) -> Path:
    """Write the page of a plan beside it."""
    plan = open_plan(path)
    write_page(path.with_suffix(".html"), plan, patchplan.inspect(plan))
    return path.with_suffix(".html")
