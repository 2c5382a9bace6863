"""LaTeX for pages and notebooks, plain Unicode for the learner's editor: $\\frac{dy}{\\sigma}$ becomes dy/σ."""

import re

_SYMBOLS = {
    **dict(
        zip(
            "alpha beta gamma delta epsilon varepsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi varphi chi psi "
            "omega Gamma Delta Theta Lambda Pi Sigma Phi Psi Omega".split(),
            "αβγδεεζηθκλμνξπρστφφχψωΓΔΘΛΠΣΦΨΩ",
            strict=True,
        )
    ),
    **dict(
        zip(
            "partial sum prod int cdot times odot le ge leq geq ne neq approx to infty in dots ldots cdots top pm mid prime "
            "rightarrow Rightarrow leftarrow propto ell circ equiv ll gg forall nabla star sim langle rangle mapsto div".split(),
            "∂ΣΠ∫·×⊙≤≥≤≥≠≠≈→∞∈………ᵀ±|′→⇒←∝ℓ∘≡≪≫∀∇*~⟨⟩↦÷",
            strict=True,
        )
    ),
    **{name: name for name in "exp ln log max min tanh sin cos arg argmax softmax erf Pr lim".split()},
    **{"quad": "  ", "qquad": "    ", ",": " ", ";": " ", ":": " ", "!": "", " ": " ", "left": "", "right": "", "{": "{"},
    **{"}": "}", "|": "‖", "\\": "\n", "%": "%", "_": "_", "big": "", "Big": "", "bigl": "", "bigr": "", "displaystyle": ""},
}
_ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307", "widehat": "\u0302", "overline": "\u0304"}
_UPRIGHT = ("text", "mathrm", "mathbf", "mathit", "textbf", "mathcal", "boldsymbol")
_FACTOR = re.compile(
    r" *(?:[A-Za-z0-9(]|\\left|\\(?:alpha|beta|gamma|mu|pi|sigma|sum|partial|frac|sqrt|hat|bar|mathrm|text\{ ?[a-z])\b)"
)
_RAISED = str.maketrans("0123456789+-−nTi", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻ⁿᵀⁱ")


def _group(tex, i):
    """What stands at i as one unit, a {group}, a command or a character, and where it ends."""
    while i < len(tex) and tex[i] == " ":
        i += 1
    if i >= len(tex):
        raise ValueError(f"the formula {tex!r} ends where a group should follow")
    if tex[i] == "\\":
        end = re.compile(r"\\(?:[A-Za-z]+|.)").match(tex, i).end()
        return tex[i:end], end
    if tex[i] != "{":
        return tex[i], i + 1
    depth = 0
    for end in range(i, len(tex)):
        depth += (tex[end] == "{" and tex[end - 1] != "\\") - (tex[end] == "}" and tex[end - 1] != "\\")
        if depth == 0:
            return tex[i + 1 : end], end + 1
    raise ValueError(f"a brace is not closed in the formula {tex!r}")


def _unit(text, operators=" +-−·×/=,"):
    """In brackets, unless it is one unit anyway."""
    return f"({text})" if any(c in operators for c in text.strip()) and not re.fullmatch(r"\([^()]*\)", text) else text.strip()


def plain(tex):
    """A formula in the small LaTeX of the lessons as Unicode text. Raises ValueError for a command that is not known."""
    tex = re.sub(r"\\(begin|end)\{(aligned|cases)\}", "", tex).replace("&", "")
    out, i = "", 0
    while i < len(tex):
        c = tex[i]
        if c in "^_":
            inner, i = _group(tex, i + 1)
            inner = plain(inner)
            raised = inner.translate(_RAISED)
            if c == "^":
                out += (
                    raised
                    if all(r in "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵀⁱ′*" for r in raised)
                    else f"^{inner if len(inner) == 1 or inner[0] == '(' else f'({inner})'}"
                )
            else:
                out += f"_{_unit(inner)}"
        elif c == "{":
            inner, i = _group(tex, i)
            out += plain(inner)
        elif c == "\\":
            name = re.compile(r"\\([A-Za-z]+|.)", re.DOTALL).match(tex, i)[1]
            i += 1 + len(name)
            if name == "frac":
                above, i = _group(tex, i)
                below, i = _group(tex, i)
                above, below = plain(above), plain(below)
                several = re.match("[0-9]+[A-Za-zα-ω]", below)  # 1/(2B), not 1/2B
                fraction = f"{_unit(above, ' +-−=,')}/{f'({below})' if several else _unit(below)}"
                out += f"({fraction})" if _FACTOR.match(tex, i) else fraction
            elif name == "sqrt":
                if tex[i : i + 1] == "[":
                    raise ValueError(f"the formula {tex!r} has a root with an index: write it as a power")
                inner, i = _group(tex, i)
                inner = plain(inner)
                out += f"√{inner}" if len(inner) == 1 else f"√({inner})"
            elif name in _ACCENTS:
                inner, i = _group(tex, i)
                out += plain(inner) + _ACCENTS[name]
            elif name in _UPRIGHT:
                inner, i = _group(tex, i)
                out += inner if name == "text" else plain(inner)
            elif name in _SYMBOLS:
                out += _SYMBOLS[name]
            else:
                raise ValueError(
                    f"\\{name} in the formula {tex!r} is not in the small LaTeX of the lessons (classroom/pages/mathtext.py)"
                )
        else:
            out += c
            i += 1
    return re.sub("([∂Δ]) +", r"\1", out)


def plain_text(markdown):
    """The lines of a markdown text with every formula in plain Unicode; formulas on lines of their own are indented."""
    lines, display, fenced = [], None, False
    for line in markdown.split("\n"):
        if display is None and not fenced and line.startswith("$$") and line.count("$$") == 2:
            lines += _displayed(line.strip("$ "))
        elif line.strip() == "$$" or (display is None and line.startswith("$$")):
            if display is None:
                display = [line.removeprefix("$$")]
            else:
                lines += _displayed(" ".join(display))
                display = None
        elif display is not None:
            if line.rstrip().endswith("$$"):
                lines += _displayed(" ".join([*display, line.rstrip().removesuffix("$$")]))
                display = None
            else:
                display.append(line)
        elif line.startswith("```"):
            fenced = not fenced
            lines.append(line)
        elif fenced or line.startswith("    "):
            lines.append(line)
        else:
            text = re.sub(r"(`[^`]*`)|\$([^$]+)\$", lambda found: found[1] or plain(found[2]), line)
            if "$" in re.sub(r"`[^`]*`", "", text):
                raise ValueError(f"a formula must begin and end in one line: {line!r}")
            lines.append(text)
    if display is not None:
        raise ValueError("a $$ is not closed")
    return "\n".join(lines)


def _displayed(tex):
    rows = [re.sub(r" {3,}", "   ", row.strip()) for row in plain(tex).split("\n")]
    return [f"    {row}" for row in rows if row]
