"""Formulas as a text editor shows them."""

import pytest

from lessons.classroom.pages.mathtext import plain, plain_text

FORMULAS = {
    r"\frac{dy}{\sigma}": "dy/σ",
    r"\frac{a+b}{c}": "(a+b)/c",
    r"\frac{x}{a b}": "x/(a b)",
    r"\frac{1}{\sqrt{2\pi}}": "1/√(2π)",
    r"\frac{1}{1 + e^{-x}}": "1/(1 + e^(-x))",
    r"\frac{a}{\frac{b}{c}}": "a/(b/c)",
    r"\frac{\partial L}{\partial x}": "∂L/∂x",
    r"\frac{x \cdot y}{z}": "(x · y)/z",
    r"\frac{-a}{b}": "(-a)/b",
    r"\frac12": "1/2",
    r"\sqrt{d}": "√d",
    r"\sqrt{2\pi}": "√(2π)",
    r"e^{-x^2/2}": "e^(-x²/2)",
    r"e^{x}": "e^x",
    r"x^{-1}": "x⁻¹",
    r"10^{-7}": "10⁻⁷",
    r"2^n": "2ⁿ",
    r"x^{-1/2}": "x^(-1/2)",
    r"x^{(t)}": "x^(t)",
    r"W^\top": "Wᵀ",
    r"W^T": "Wᵀ",
    r"x_i": "x_i",
    r"x_{ij}": "x_ij",
    r"x_{i,j}": "x_(i,j)",
    r"p_{t}^2": "p_t²",
    r"\sum_{i=1}^N x_i": "Σ_(i=1)^N x_i",
    r"\hat{x}": "x\u0302",
    r"\bar x": "x\u0304",
    r"\hat{\mathbf{x}}": "x\u0302",
    r"\boldsymbol{\mu}": "μ",
    r"\left( x \right)": "( x )",
    r"\{a\}": "{a}",
    r"a \le b": "a ≤ b",
    r"x \odot y": "x ⊙ y",
    r"\max(0, x)": "max(0, x)",
    r"\Phi(x) + \varphi(x)": "Φ(x) + φ(x)",
    r"a\,b": "a b",
    r"50 \%": "50 %",
    r"x > 0 \text{ or not}": "x > 0  or not",
    r"a &= b \\": "a = b \n",
    "y = 2x": "y = 2x",
    "": "",
}


@pytest.mark.parametrize("tex", FORMULAS)
def test_a_formula_in_plain_text(tex):
    assert plain(tex) == FORMULAS[tex]


@pytest.mark.parametrize(
    "tex, word",
    [
        (r"\mathbb{R}", r"\\mathbb"),
        (r"x + \unheardof", r"\\unheardof"),
        (r"\operatorname{softmax}(x)", r"\\operatorname"),
        (r"\frac{a", "brace is not closed"),
        (r"\frac{a}", "ends where a group should follow"),
        (r"x^", "ends where a group should follow"),
        (r"\sqrt", "ends where a group should follow"),
    ],
)
def test_what_is_not_in_the_small_latex_is_refused(tex, word):
    with pytest.raises(ValueError, match=word):
        plain(tex)


def test_a_root_with_an_index_is_refused_or_written_right():
    try:
        text = plain(r"\sqrt[3]{x}")
    except ValueError:
        return
    assert text != "√[3]x"


@pytest.mark.parametrize("tex, unclear", [(r"\frac{1}{2}(1 + x)", "1/2(1 + x)"), (r"\frac{a}{b}c", "a/bc")])
def test_what_follows_a_fraction_is_not_read_as_a_part_of_its_denominator(tex, unclear):
    assert plain(tex) != unclear


def test_a_power_of_several_letters_is_in_brackets():
    assert plain(r"e^{ix}") == "e^(ix)"


def test_text_around_formulas_stays():
    assert plain_text("Let $x^2$ be, with $\\mu$, *so*.\n\n- `a_b`") == "Let x² be, with μ, *so*.\n\n- `a_b`"


DISPLAYED = {
    "$$ a = b $$": "    a = b",
    "$$\na = b\n$$": "    a = b",
    "$$a\n= b$$": "    a = b",
    "$$\na &= b \\\\\n&= \\frac{1}{c}\n$$": "    a = b\n    = 1/c",
    "$$\n\\begin{aligned}\na &= b \\\\\n c &= d\n\\end{aligned}\n$$": "    a = b\n    c = d",
    "before\n$$x$$\nafter": "before\n    x\nafter",
}


@pytest.mark.parametrize("text", DISPLAYED)
def test_a_displayed_formula_is_indented_on_lines_of_its_own(text):
    assert plain_text(text) == DISPLAYED[text]


def test_a_displayed_formula_that_is_not_closed_is_refused():
    with pytest.raises(ValueError, match="not closed"):
        plain_text("$$\na = b\n")


def test_an_unknown_command_in_a_text_is_refused():
    with pytest.raises(ValueError, match=r"\\unheardof"):
        plain_text(r"Let $\unheardof$ be.")


def test_a_code_block_stays_as_it_is():
    text = "a\n\n    price = '$x$'  # $\\mu$\n\nb"
    assert plain_text(text) == text


def test_a_fenced_code_block_stays_as_it_is():
    text = "a\n\n```sh\necho $HOME $PATH\nx = '$y^2$'\n```\n\nb"
    assert plain_text(text) == text


def test_code_in_a_line_stays_as_it_is():
    assert plain_text("write `$x^2$` there") == "write `$x^2$` there"


def test_a_formula_over_two_lines_is_written_in_plain_text_or_refused():
    try:
        text = plain_text("so that $a +\nb$ holds")
    except ValueError:
        return
    assert "$" not in text
