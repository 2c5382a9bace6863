"""Where the modules of the course stood before they moved into the classroom: lessons begun with the last release, and people's
own, go on working for one release. Then this file goes."""

PLACES = {
    "": "cli course report screen",
    ".checker": "calling checker diagnose loading sandbox sentences slopes worker",
    ".commands": "doctor export export.pieces grade verify",
    ".commands.progress": "certificate diagram",
    ".pages": "build mathtext",
}
MOVED = {f"lessons.{name}": f"lessons.classroom{place}.{name}" for place, names in PLACES.items() for name in names.split()}
MOVED |= {
    "lessons.checking": "lessons.classroom.commands.check",
    "lessons.commands": "lessons.classroom.commands",
    "lessons.demos": "lessons.classroom.commands.demo",
    "lessons.swap": "lessons.classroom.commands.train",
    "lessons.trained": "lessons.own",
    "lessons.verify_texts": "lessons.classroom.commands.verify.texts",
}
