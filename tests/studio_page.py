"""Drive Label Studio's labelling page in Chromium, as an annotator would."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.conftest import CHROMIUM, HEADLESS

CURRENT = ".lsf-current-task__task-id"


class LabellingPage:
    """The page of one project, logged in; a task is open."""

    def __init__(self, page: Any, server: dict[str, str], project: int) -> None:
        self.page = page
        page.route("**/heidi-tips/**", lambda route: route.abort())  # it would reach out
        page.goto(f"{server['LABEL_STUDIO_URL']}/user/login")
        page.fill("input[name=email]", server["email"])
        page.fill("input[name=password]", server["password"])
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/user/login" not in url, wait_until="domcontentloaded")
        self.address = f"{server['LABEL_STUDIO_URL']}/projects/{project}/data"
        self.next()

    def next(self) -> None:
        """Open the next task in the labelling stream."""
        self.page.goto(f"{self.address}?labeling=1")
        self._ready()

    def open(self, task: int) -> None:
        """Open a task from the list."""
        self.page.goto(f"{self.address}?task={task}")
        self._ready()

    @property
    def task(self) -> int:
        return int(self.page.inner_text(CURRENT).split()[0].lstrip("#"))

    @property
    def chosen(self) -> list[str]:
        """The labels that are selected."""
        boxes = self.page.locator(".lsf-choices input:checked")
        return [boxes.nth(i).get_attribute("name") for i in range(boxes.count())]

    def press(self, key: str, label: str) -> None:
        """Choose a label by its key; a page that is still loading may not hear the first press."""
        from playwright.sync_api import TimeoutError as TooLate

        for _ in range(10):
            self.page.keyboard.press(key)
            try:
                self.page.wait_for_selector(f'.lsf-choices input[name="{label}"]:checked', timeout=2000)
                return
            except TooLate:
                continue
        raise AssertionError(f"key {key} does not choose {label}")

    def click(self, label: str) -> None:
        self.page.locator(f'label:has(input[name="{label}"])').first.click()

    def submit(self, key: str = "Control+Enter") -> None:
        """Submit the answer and wait for the next task."""
        self._leave(lambda: self.page.keyboard.press(key))

    def skip(self) -> None:
        self._leave(lambda: self.page.click("[data-testid=bottombar-skip-button]"))

    def update(self) -> None:
        """Save the change of an answer given before."""
        with self.page.expect_response(lambda r: "/api/annotations/" in r.url and r.request.method == "PATCH"):
            self.page.click("[data-testid=bottombar-update-button]")

    def delete(self) -> None:
        """Delete the answer that is open."""
        self.page.click(".lsf-annotation-button_selected .lsf-annotation-button__trigger")
        self.page.get_by_text("Delete Annotation").click()
        with self.page.expect_response(lambda r: "/api/annotations/" in r.url and r.request.method == "DELETE"):
            self.page.click("[data-testid=dialog-ok-button]")

    def _leave(self, act: Any) -> None:
        before = self.task
        act()
        self.page.wait_for_function(
            "([selector, task]) => document.querySelector(selector)?.innerText.split(/\\s/)[0] !== task",
            arg=[CURRENT, str(before)],
        )

    def _ready(self) -> None:
        self.page.wait_for_selector(".lsf-choices")
        self.page.keyboard.press("Escape")  # the instruction


@contextmanager
def labelling_page(server: dict[str, str], project: int) -> Iterator[LabellingPage]:
    """Open a browser at the labelling page of a project."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=HEADLESS)
        try:
            yield LabellingPage(browser.new_page(viewport={"width": 1280, "height": 900}), server, project)
        finally:
            browser.close()
