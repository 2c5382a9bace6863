"""Lesson 00, Start here: answers written from the lesson's text alone."""

RIGHT = {
    "brightest": """
def brightest(image):
    peak = image.max()
    return np.where(image == peak, image, 0)
""",
}

WRONG = {
    "brightest": [
        ("axis", "image.max()", "image.max(axis=0)", "the brightest of each column is kept, not of the whole image"),
        ("order", "image, 0)", "0, image)", "the brightest become 0 and all others stay"),
        ("wrong array", "image, 0)", "1, 0)", "the brightest become 1 instead of keeping their number"),
        ("wrong array", "np.where(image == peak, image, 0)", "image == peak", "returns True and False, not brightnesses"),
        (
            "mutation",
            "return np.where(image == peak, image, 0)",
            "image[image < peak] = 0\n    return image",
            "image is changed",
        ),
        ("index", "image.max()", "image[0].max()", "only row 0 is searched for the peak"),
        ("constant", "image.max()", "1.0", "the peak is taken to be 1, whatever the image holds"),
        ("case", "image.max()", "int(image.max())", "the peak is cut to a whole number: right only for whole ones"),
        ("shape", "np.where(image == peak, image, 0)", "image[image == peak]", "a list of the brightest, without its table"),
        ("constant", "image, 0)", "image, 1)", "the other pixels become 1"),
        (
            "index",
            "return np.where(image == peak, image, 0)",
            "left = np.zeros_like(image)\n    left.flat[image.argmax()] = peak\n    return left",
            "only the first of several brightest pixels is kept",
        ),
    ],
}

UNUSUAL = {
    "brightest": [
        """
def brightest(image):
    return image * (image == image.max())
""",
        """
def brightest(image):
    left = np.zeros_like(image)
    peak = np.sort(image, axis=None)[-1]
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if image[row, column] >= peak:
                left[row, column] = image[row, column]
    return left
""",
        """
def brightest(image):
    left = image.copy()
    left[left < max(max(row) for row in image)] = 0
    return left
""",
        """
brightest = lambda image: np.choose(image == np.amax(image), (np.zeros_like(image), image))
""",
    ],
}
