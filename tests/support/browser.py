# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven by its DevTools protocol over two pipes: nothing else is needed.

    with Browser(profile) as browser:
      browser.open(path, width=1300)
      browser.evaluate("document.title")
"""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WITHOUT = "there is no chromium on PATH"
# The pipes' ends are to be 3 and 4 in the browser; first out of each other's way.
_LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 64) for end in sys.argv[1:3]]
for end, wanted in zip(ends, (3, 4)):
  os.dup2(end, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
  """One page; ``messages`` are the console's errors and warnings, exceptions, and requests."""

  def __init__(self, profile: pathlib.Path, timeout: float = 60.0):
    to_read, write = os.pipe()
    read, to_write = os.pipe()
    command = [sys.executable, "-c", _LAUNCH, str(to_read), str(to_write), CHROMIUM, "--headless",
               "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
               "--disable-background-networking", f"--user-data-dir={profile}", "about:blank"]
    profile.mkdir(parents=True, exist_ok=True)
    with open(profile.with_suffix(".log"), "wb") as log:
      self._process = subprocess.Popen(
        command, pass_fds=(to_read, to_write), stdout=log, stderr=log)
    os.close(to_read)
    os.close(to_write)
    self._write, self._read = os.fdopen(write, "wb", buffering=0), os.fdopen(read, "rb")
    self._count, self._session, self._timeout = 0, None, timeout
    self.messages: list[str] = []
    self.requests: list[str] = []
    page = next(t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
    self._session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)[
      "sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
      self.call(f"{domain}.enable")

  def __enter__(self):
    return self

  def __exit__(self, *_):
    self._process.terminate()
    self._process.wait(30)
    self._write.close()
    self._read.close()

  def _next(self) -> dict:
    parts = bytearray()
    while (byte := self._read.read(1)) != b"\0":
      if not byte:
        raise RuntimeError("the browser has ended")
      parts += byte
    message = json.loads(parts)
    method, about = message.get("method"), message.get("params", {})
    if method == "Runtime.exceptionThrown":
      self.messages.append(str(about["exceptionDetails"]))
    if method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
      self.messages.append(str([a.get("value", a.get("description")) for a in about["args"]]))
    if method == "Log.entryAdded":
      self.messages.append(about["entry"]["text"])
    if method == "Network.requestWillBeSent":
      self.requests.append(about["request"]["url"])
    return message

  def call(self, method: str, **params):
    """Calls a method of the protocol and waits for its answer."""
    self._count += 1
    message = {"id": self._count, "method": method, "params": params}
    if self._session:
      message["sessionId"] = self._session
    self._write.write(json.dumps(message).encode() + b"\0")
    while True:
      answer = self._next()
      if answer.get("id") == self._count:
        if "error" in answer:
          raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

  def evaluate(self, expression: str):
    """The JSON value of a JavaScript expression; promises are waited for."""
    answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True,
                       awaitPromise=True)
    if "exceptionDetails" in answer:
      raise RuntimeError(str(answer["exceptionDetails"]))
    return answer["result"].get("value")

  def wait(self, expression: str):
    """Waits until an expression is true."""
    end = time.monotonic() + self._timeout
    while not self.evaluate(f"Boolean({expression})"):
      if time.monotonic() > end:
        raise TimeoutError(f"{expression}; {self.messages[:5]}")
      time.sleep(0.1)

  def open(self, path: pathlib.Path, *, width: int = 1300, height: int = 900):
    """Opens a file in a window of this size and waits until it is loaded."""
    self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
              deviceScaleFactor=1, mobile=width < 600)
    self.call("Page.navigate", url=path.as_uri())
    self.wait(f"location.href === {json.dumps(path.as_uri())}")
    self.wait("document.readyState === 'complete'")

  def resize(self, width: int, height: int):
    """Gives the window another size."""
    self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
              deviceScaleFactor=1, mobile=width < 600)

  def click(self, selector: str, index: int = 0):
    """Presses the mouse on the middle of an element that a selector finds."""
    x, y = self.evaluate(
      f"(() => {{const e = document.querySelectorAll({json.dumps(selector)})[{index}];"
      "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
      "return [b.x + b.width / 2, b.y + b.height / 2]; })()")
    for kind in ("mousePressed", "mouseReleased"):
      self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

  def move(self, x: float, y: float):
    """Moves the mouse."""
    self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

  def screenshot(self, path: pathlib.Path):
    """Saves what the window shows."""
    data = self.call("Page.captureScreenshot", format="png")["data"]
    pathlib.Path(path).write_bytes(base64.b64decode(data))
