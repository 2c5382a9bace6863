"""A browser for the tests of the course's website, and a server for it that nobody else can reach."""

import functools
import http.server
import re
import threading
from contextlib import contextmanager

FLAGS = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run"


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


class _ForAll(_Handler):
    """Lets pages of other sites ask it, as Pyodide's server does."""

    def end_headers(self):
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request, address):
        """A page that is left early breaks off what it was sent: nothing to tell."""


@contextmanager
def served(folder, to_all=False):
    """`with served(folder) as address:` hands the folder out on this machine. to_all: to pages of other sites, too."""
    server = _Server(("127.0.0.1", 0), functools.partial(_ForAll if to_all else _Handler, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


class Visitor:
    """Somebody at the site, with a browser of their own: what they see, and everything that went wrong.

    at(place)            opens a page and waits until its script has done its work
    ready()              waits for Python
    files()              {name: text} as the browser keeps them
    keeps(files)         puts files there, as if written before
    write(text)          types a whole file into the editors of its lesson
    call(words, files)   a command of the course on these files, by the page's own Python: (exit code, what it prints)
    click(label, box)    presses a button, and gives what is said at `box` when it is done
    """

    def __init__(self, context, address):
        self.context, self.address = context, address
        self.wrong, self.asked = [], []
        self.page = context.new_page()
        self.page.on("console", lambda said: said.type == "error" and self.wrong.append(said.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        context.on("request", lambda request: self.asked.append(request.url))
        context.on("response", lambda answer: answer.status >= 400 and self.wrong.append(f"{answer.status} {answer.url}"))

    def at(self, place):
        self.page.goto(f"{self.address}/{place}")
        self.page.wait_for_selector("body[data-shown]", timeout=60_000)
        return self

    def ready(self):
        self.page.wait_for_selector('#python:text-matches("ready|could not")', timeout=180_000)
        assert self.page.inner_text("#python") == "Python is ready.", self.page.inner_text("#python")
        return self

    def files(self):
        return self.page.evaluate(_ALL)

    def keeps(self, files):
        self.page.evaluate(_WRITE, files)

    def write(self, text):
        """Puts a file with the lesson's cells into its editors, as if it had been typed there."""
        self.page.evaluate(_TYPE, text)

    def call(self, words, files, seconds=300):
        answer = self.page.evaluate(_CALL, [words, files, seconds])
        assert answer.get("answer"), answer
        return answer["answer"]["code"], answer["answer"]["text"]

    def click(self, label, box="section, .cell:has(.out)", timeout=120_000):
        place = self.page.locator(box).filter(has=self.page.get_by_role("button", name=label, exact=True)).first
        for before in place.locator(".out").all():  # what was said last time is no answer
            before.evaluate("(out) => out.replaceChildren()")
        place.get_by_role("button", name=label, exact=True).first.click()
        out = place.locator(".out").first
        out.and_(self.page.locator(r'.out:not(:text-matches("^(Checking …|One moment …|Running …|Drawing.*|…)$|^$"))')).wait_for(
            timeout=timeout
        )
        return out.inner_text()

    def foreign(self):
        """What was asked of others than the site."""
        return [url for url in self.asked if not re.match(f"{re.escape(self.address)}|blob:|data:", url)]


_OPEN = """new Promise((done, failed) => {
    const r = indexedDB.open("minivit", 1);
    r.onupgradeneeded = () => r.result.createObjectStore("work");
    r.onsuccess = () => done(r.result);
    r.onerror = () => failed(r.error);
})"""
_ALL = f"""async () => {{
    const store = (await {_OPEN}).transaction("work").objectStore("work");
    const of = (r) => new Promise((done) => (r.onsuccess = () => done(r.result)));
    const [names, texts] = await Promise.all([of(store.getAllKeys()), of(store.getAll())]);
    return Object.fromEntries(names.map((name, i) => [name, texts[i]]));
}}"""
_WRITE = f"""async (files) => {{
    const transaction = (await {_OPEN}).transaction("work", "readwrite");
    for (const [name, text] of Object.entries(files)) transaction.objectStore("work").put(text, name);
    await new Promise((done) => (transaction.oncomplete = done));
}}"""
_TYPE = """(text) => {
    const cells = text.split(/^(?=# %%)/m).filter((cell) => cell.startsWith("# %%\\n"));
    minivit.editors.forEach((editor, i) => editor.set(cells[i].slice(5).replace(/\\n+$/, "")));
}"""
_CALL = """async ([words, files, seconds]) => {
    const {answer, failed, late} = await minivit.python.call("command", [words, seconds], {files});
    return {answer, failed, late};
}"""
