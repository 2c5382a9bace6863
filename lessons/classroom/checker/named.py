"""A sentence that says what is wrong, and the word for it."""


class Named(str):
    """A sentence of the checker's. kind: "listed", or the cause in one word; about: what else a test may ask of it."""

    kind: str
    about: dict

    def __new__(cls, text, kind, **about):
        made = super().__new__(cls, text)
        made.kind, made.about = kind, about
        return made
