"""The demonstration in a browser: a photo dropped on it, bad files, and no other host asked."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from experiments.demonstration import page, serving
from mtcnn_jax.commandline.endings import INTERRUPTED
from tests import ROOT
from tests.conftest import FLAGS

OPTIONS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--window-size=1360,1000"
)


def wait_for(found, *, seconds=60):
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def browser(tmp_path):
    driver = shutil.which("chromedriver")
    if driver is None or not any(map(shutil.which, ("chromium", "chrome", "google-chrome"))):
        pytest.skip("needs chromium and chromedriver on the PATH")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    for option in (*OPTIONS.split(), f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    with webdriver.Chrome(options=options, service=service) as chrome:
        yield chrome


@pytest.fixture
def address():
    """Of the page that the command serves, which ends by Ctrl-C."""
    pytest.importorskip("gradio")
    command = [sys.executable, "-m", "experiments.demo"]
    env = {**os.environ, "XLA_FLAGS": FLAGS}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as server:
        lines = iter(server.stdout.readline, "")
        yield next(match[0] for line in lines if (match := re.search(r"http://[^;\s]+", line)))
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=60) == INTERRUPTED


def hosts_asked(browser):
    """Of all requests that the page has made."""
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    urls = [one["request"]["url"] for one in asked]
    # The browser's own first page is among them.
    return {url.split("/")[2].split(":")[0] for url in urls if url.startswith(("http", "ws"))}


def test_a_photo_is_dropped_on_the_page(address, browser, tmp_path):
    def upload(path):
        browser.find_element("css selector", "#photo input[type=file]").send_keys(str(path))

    def said():
        found = browser.find_elements("id", "said")
        return found[0].text if found else ""

    browser.get(address)
    wait_for(lambda: browser.find_elements("css selector", "#photo input[type=file]"))
    wait_for(lambda: said() == page.EMPTY)
    upload(ROOT / "docs/astronaut.jpg")
    wait_for(lambda: said() != page.EMPTY)
    assert said().startswith("1 face in 512 x 512 pixels")
    for place in ("faces", "crops", "stage0", "stage1", "stage2"):
        wait_for(lambda: browser.find_elements("css selector", f"#{place} img"))  # noqa: B023
    assert browser.find_element("id", "stage2").text.startswith("O-Net left 1 window")
    width = "return document.querySelector('#faces img').naturalWidth"
    wait_for(lambda: browser.execute_script(width) == 512)

    size = browser.find_element("css selector", "#size input[type=number]")
    size.clear()
    size.send_keys("300\t")
    wait_for(lambda: said().startswith("No face in 512 x 512 pixels"))

    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    browser.find_element("css selector", "#photo button[aria-label='Remove Image']").click()
    wait_for(lambda: said() == page.EMPTY)
    wait_for(lambda: browser.find_elements("css selector", "#photo input[type=file]"))
    upload(bad)
    wait_for(lambda: said() != page.EMPTY)
    assert said().startswith("Not read: 'bad.png' is not a picture")
    assert not browser.find_elements("css selector", "#faces img")
    assert hosts_asked(browser) == {serving.LOCAL}


def test_without_gradio_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ValueError, match=r"pip install 'mtcnn_jax\[demo\]'"):
        page.make_page({}, [])


def test_a_port_that_is_taken_is_refused():
    pytest.importorskip("gradio")
    with socket.socket() as taken:
        taken.bind((serving.LOCAL, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"^port {port} cannot be had .*; name another$"):
            serving.serve(None, port=port)
