"""Pictures as text: a matrix as SVG, an image as letters; it knows nothing of models."""

from collections.abc import Sequence

CELL = 40
"""Side of a field of the matrix in pixels."""

INK = " .:-=+*#%@"


def matrix_svg(counts: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """A confusion matrix: rows are true, columns answered; the more of its row, the darker; red is wrong."""
    size = CELL * (len(names) + 2)
    box = f'width="{size}" height="{size}" viewBox="0 0 {size} {size}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="15" text-anchor="middle">',
        f'<rect width="{size}" height="{size}" fill="white"/>',
        text(size / 2, 14, "answered"),
        f'<g transform="rotate(-90)">{text(-size / 2, 16, "true")}</g>',
    ]
    for row, (name, line) in enumerate(zip(names, counts, strict=True)):
        top = CELL * (row + 1)
        parts += [text(top + CELL / 2, 34, name), text(30, top + CELL / 2 + 5, name)]
        for column, count in enumerate(line):
            left, part = CELL * (column + 1), count / max(1, sum(line))
            colour = "#1f5fa8" if row == column else "#c0392b"
            opacity = part if row == column or not count else max(part, 0.25)
            parts.append(
                f'<rect x="{left}" y="{top}" width="{CELL}" height="{CELL}" fill="{colour}" '
                f'fill-opacity="{opacity:.3f}" stroke="#ddd"/>'
            )
            if count:
                parts.append(text(left + CELL / 2, top + CELL / 2 + 5, str(count), "white" if part > 0.5 else "black"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def text(x: float, y: float, words: str, colour: str = "black") -> str:
    """Words centred at x, their base line at y."""
    return f'<text x="{x:g}" y="{y:g}" fill="{colour}">{words}</text>'


def letters(pixels: Sequence[int], side: int, darkest: int) -> str:
    """An image as lines of letters, two a pixel; the darker the pixel, the heavier the letter."""
    shades = [INK[round(pixel / darkest * (len(INK) - 1))] * 2 for pixel in pixels]
    return "\n".join("".join(shades[start : start + side]) for start in range(0, len(shades), side))
