"""Outlines of the parts of a face, which the Video page draws over the picture: points of the 478-point mesh."""

from vlfau.action_units import Region

# fmt: off
CONTOURS: dict[str, tuple[tuple[int, ...], ...]] = {
    "face": ((10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176,
              149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10),),
    Region.BROW: ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 70),
                  (300, 293, 334, 296, 336, 285, 295, 282, 283, 276, 300)),
    Region.EYE: ((33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7, 33),
                 (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249, 263)),
    Region.CHEEK: ((116, 117, 118, 101, 36, 205, 187, 123, 116), (345, 346, 347, 330, 266, 425, 411, 352, 345)),
    Region.NOSE: ((168, 6, 197, 195, 5, 4), (64, 98, 97, 2, 326, 327, 294)),
    Region.MOUTH: ((61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146, 61),
                   (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95, 78)),
    Region.CHIN: ((200, 421, 428, 396, 175, 171, 208, 201, 200),),
}
"""Part -> lines; a line that ends where it begins is closed. Regions by the name that action units have."""
# fmt: on

POINTS: tuple[int, ...] = tuple(
    dict.fromkeys(point for lines in CONTOURS.values() for line in lines for point in line)
)
"""Every point that is needed, once; what is sent to the page has this order."""

_PLACE = {point: place for place, point in enumerate(POINTS)}

LINES: dict[str, list[list[int]]] = {
    str(part): [[_PLACE[point] for point in line] for line in lines] for part, lines in CONTOURS.items()
}
"""The same lines, as places in `POINTS`."""
