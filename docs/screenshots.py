"""Screenshots of a report, the viewer and the documentation site.

    python docs/screenshots.py RUN --images FOLDER

writes docs/figures/{report,viewer,site}.jpg. RUN is the work folder of a
pretraining; FOLDER has the images of the viewer. Use scenes
(tools/dataset_converters/make_scenes.py) or other images that may be shown.
It needs playwright and a Chromium.
"""

from __future__ import annotations

import argparse
import io
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from mixmae.viewer.viewed_folder import ImageFolder
from mixmae.viewer.viewer import Viewer, viewed_network
from mixmae.viewer.viewer_server import ViewerServer
from mixmae.visualization.report.report_page import write_report

DOCS = Path(__file__).resolve().parent
BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')
# Of the browser, and of the pictures.
WIDTH, SHOWN_WIDTH = 1280, 1024
# What the viewer shows: image, seed of the mask, and a place in the image.
IMAGE, SEED, PLACE = 8, '1', (0.45, 0.5)


def take_screenshots(run: Path, images: Path, out: Path) -> None:
    """Write the three pictures into a folder."""
    with tempfile.TemporaryDirectory() as name, _browser() as browser:
        folder = Path(name)
        report = write_report([run], folder / 'report.html')
        page = _open(browser, report.as_uri())
        page.wait_for_selector('.uplot')
        _save(page, out / 'report.jpg', 1960)
        with _viewer(run, images) as address:
            page = _open(browser, address)
            page.wait_for_selector('#neighbours img')
            page.locator('#images button').nth(IMAGE).click()
            page.locator('#seed').fill(SEED)
            page.locator('#seed').press('Enter')
            box = page.locator('#point').bounding_box()
            page.locator('#point').click(
                position={
                    'x': PLACE[0] * box['width'],
                    'y': PLACE[1] * box['height'],
                }
            )
            page.wait_for_timeout(3000)
            _save(page, out / 'viewer.jpg', 1500)
        call = [sys.executable, '-m', 'sphinx', '-q', '-b', 'html']
        subprocess.run([*call, DOCS, folder / 'site'], check=True)
        page = _open(browser, (folder / 'site/index.html').as_uri())
        _save(page, out / 'site.jpg', 900)


@contextmanager
def _browser():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        sys.exit(f'none of {", ".join(BROWSERS)} is installed')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=['--no-sandbox']
        )
        yield browser
        browser.close()


@contextmanager
def _viewer(run: Path, images: Path):
    """Serve a viewer; yield its address."""
    folder = ImageFolder(images)
    server = ViewerServer(Viewer([viewed_network(run)], folder))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.address
    folder.stop()
    server.shutdown()
    server.server_close()
    thread.join()


def _open(browser: Any, address: str) -> Any:
    page = browser.new_page(viewport={'width': WIDTH, 'height': 900})
    page.goto(address)
    return page


def _save(page: Any, path: Path, height: int) -> None:
    """Write the top of a page, at most this high."""
    content = page.screenshot(full_page=True)
    picture = Image.open(io.BytesIO(content)).convert('RGB')
    picture = picture.crop((0, 0, WIDTH, min(height, picture.height)))
    size = SHOWN_WIDTH, picture.height * SHOWN_WIDTH // WIDTH
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    options = dict(quality=82, subsampling=0, optimize=True, progressive=True)
    picture.save(path, **options)
    page.close()
    print(path, f'{path.stat().st_size / 1000:.0f} kB')


def main() -> None:
    """Read the command line and take the screenshots."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('run', type=Path, help='work folder of a pretraining')
    parser.add_argument('--images', type=Path, required=True, help='folder')
    parser.add_argument('--out', type=Path, default=DOCS / 'figures')
    args = parser.parse_args()
    take_screenshots(args.run, args.images, args.out)


if __name__ == '__main__':
    main()
