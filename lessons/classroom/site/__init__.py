"""The course as a website: pages that any web server can hand out, with Python itself in the reader's browser.

build.py     the whole folder: which page, picture and file lies where
pages.py     a page as HTML: text, code cells, quiz
front.py     the front door, and where a lesson trains: their words
training.py  runs there: trains the preset digits or a lesson's network a step at a time, and reads what is drawn
pausing.py   a function of the learner's as a generator
node.py      what Node does at build time: Markdown and formulas to HTML, the page's scripts into bundles
python.py    what the browser's Python is made of: Pyodide, NumPy, and this project in a zip
inside.py    runs there: the commands of the course, and a cell of a learner's file
web/         what the browser gets: scripts, styles; package.json names what they are bundled from
"""
