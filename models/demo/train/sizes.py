"""The sizes of the demo model. Everything else follows from them."""

PICTURE = 192, 96  # width, height: what a whole frame is squashed to
GRID = 12, 6  # columns, rows of the cells that the eyes speak of; thirds are four columns
CELLS = GRID[0] * GRID[1]
PICTURE_TOKENS = 15  # of the language model: thirds and whole, light and weather, each kind

STEM = 32, 48  # channels at a half and a quarter of the picture's size
TRUNK = 96  # channels at an eighth
WIDTH = 192  # of a token, in both halves of the model
HEADS, HEAD = 3, WIDTH // 3  # few and wide: on a CPU attention costs by the head
VISION_BLOCKS, VISION_HIDDEN = 2, 512
LANGUAGE_BLOCKS, LANGUAGE_HIDDEN = 4, 448
ROPE_BASE = 10_000.0
CONTEXT = 2048
VOCABULARY = 1100  # at most

FINE = 24, 12  # columns, rows of the trunk's own labels
