"""The facts of the paper that experiments compare with: Norouzzadeh et al. 2018, arXiv 1703.05830.

Shares are fractions. Only figures that the paper states in a table or a sentence are here. The
bars of Figs. 5, S.2, S.3 and S.4 are printed with numbers that cannot be told apart by
architecture without the drawing; of these only what the text or a caption repeats is here.
"""

from camtrap_tf.core.config import TABLE_S2, Config

# Tables S.1 and S.2: batch 128, momentum 0.9, crop 224, 55 epochs, the schedule. The paper's
# epoch is 5,900 batches (755,200 pictures: its 757,000 of animals); ours is one pass.
RECIPE = Config()
SCHEDULE = TABLE_S2
EPOCH_STEPS = 5_900

# Table 1. It gives VGG 22 layers, which no published VGG has; configuration D (16 layers of
# weights, 5 pools and the softmax) comes to 22.
ARCHITECTURES = (
    "alexnet", "nin", "vgg16", "googlenet",
    "resnet18", "resnet34", "resnet50", "resnet101", "resnet152",
)  # fmt: skip
ENSEMBLE = "ensemble"
VOLUNTEERS = "volunteers"

EMPTY_TOP1 = "empty top-1"
SPECIES_TOP1, SPECIES_TOP5 = "species top-1", "species top-5"
COUNT_TOP1, COUNT_NEAR = "count top-1", "count within one bin"
ATTRIBUTES = ("attributes accuracy", "attributes precision", "attributes recall")
ANSWER_TOP1 = "empty or species top-1"

Published = dict[tuple[str, str], float]  # (architecture, figure) -> share


def _column(figure: str, values: tuple[float, ...], names=(*ARCHITECTURES, ENSEMBLE)) -> Published:
    return {(name, figure): value for name, value in zip(names, values, strict=True)}


TABLE_2 = _column(
    EMPTY_TOP1, (0.958, 0.960, 0.968, 0.963, 0.963, 0.962, 0.963, 0.961, 0.961, 0.966)
)

# Table S.3: one network for both questions. Identification is over pictures of animals.
ONE_STAGE_TOTAL, ONE_STAGE_EMPTY = "total accuracy", "empty vs. animal accuracy"
ONE_STAGE_SPECIES = "identification accuracy"
ONE_STAGE_ARCHITECTURES = ("alexnet", "resnet18", "resnet34", "resnet50")
ONE_STAGE_EMPTIES = 220_000  # as many as pictures of wildebeest, the most frequent class
TABLE_S3 = (
    _column(ONE_STAGE_TOTAL, (0.889, 0.905, 0.908, 0.913), ONE_STAGE_ARCHITECTURES)
    | _column(ONE_STAGE_EMPTY, (0.937, 0.954, 0.947, 0.949), ONE_STAGE_ARCHITECTURES)
    | _column(ONE_STAGE_SPECIES, (0.879, 0.895, 0.900, 0.906), ONE_STAGE_ARCHITECTURES)
)

TABLE_S5 = _column(
    EMPTY_TOP1, (0.963, 0.966, 0.968, 0.969, 0.968, 0.968, 0.971, 0.968, 0.968), ARCHITECTURES
)

# Fig. 5, as the main text and the caption of Table S.3 (ResNet-50) repeat it.
FIG_5 = {
    ("resnet152", SPECIES_TOP1): 0.938,
    ("resnet152", SPECIES_TOP5): 0.988,
    ("resnet152", COUNT_TOP1): 0.628,
    ("resnet152", COUNT_NEAR): 0.836,
    ("resnet50", SPECIES_TOP1): 0.936,
    (ENSEMBLE, SPECIES_TOP1): 0.949,
    (ENSEMBLE, SPECIES_TOP5): 0.991,
    (ENSEMBLE, COUNT_TOP1): 0.631,
    (ENSEMBLE, COUNT_NEAR): 0.847,
}

# Fig. S.2, its caption and the section on the volunteer-labelled test set.
FIG_S2 = {
    (ENSEMBLE, SPECIES_TOP1): 0.925,
    (ENSEMBLE, SPECIES_TOP5): 0.984,
    (ENSEMBLE, COUNT_TOP1): 0.679,
    ("resnet152", COUNT_NEAR): 0.884,
    ("resnet152", SPECIES_TOP5): 0.981,  # "the 98.1% accuracy of the baseline", Fig. S.9
    **_column(ATTRIBUTES[0], (0.756, 0.762), ("resnet152", ENSEMBLE)),
    **_column(ATTRIBUTES[1], (0.845, 0.861), ("resnet152", ENSEMBLE)),
    **_column(ATTRIBUTES[2], (0.809, 0.811), ("resnet152", ENSEMBLE)),
}
# What every architecture reaches at least.
FIG_S2_LEAST = {
    SPECIES_TOP1: 0.892, SPECIES_TOP5: 0.975, COUNT_TOP1: 0.627, COUNT_NEAR: 0.842,
    ATTRIBUTES[0]: 0.713, ATTRIBUTES[1]: 0.821, ATTRIBUTES[2]: 0.773,
}  # fmt: skip

# Fig. S.3: the 26 most frequent species, 93% of pictures for training.
COMMON_SPECIES = 26
FIG_S3_ARCHITECTURES = ("alexnet", "vgg16", "googlenet", "resnet50", "resnet101", "resnet152")
FIG_S3 = {("resnet50", SPECIES_TOP1): 0.920}
GOMEZ_BEST = 0.57  # read by the authors from a plot of Gomez et al. 2016

# Fig. S.4: whole events, expert-labelled.
FIG_S4 = {(ENSEMBLE, SPECIES_TOP1): 0.955, (ENSEMBLE, SPECIES_TOP5): 0.994}
EVENT_GAIN = 0.01  # "on average 1% higher than those for individual images"

# Figs. S.5 to S.7: (threshold, accuracy, share of pictures kept).
FIG_S5_ARCHITECTURE = "vgg16"
FIG_S5 = ((0.99, 0.998, 0.76),)
FIG_S6 = ((0.43, 0.966, 0.972), (0.99, 0.998, 0.661))
FIG_S7 = ((0.79, 0.900, 0.445), (0.99, 0.978, 0.084))

# Fig. S.8: shares of capture events.
COMMONEST_TWO, COMMONEST_THREE, RAREST_TWENTY = 0.50, 0.63, 0.01

# Fig. S.9: ResNet-152, volunteer-labelled test set; gains of classes from about 0%.
RARE_ARCHITECTURE = "resnet152"
BASELINE_TOP5, EMPHASIS_TOP5 = 0.981, 0.982
RARE_GAINS = {
    ("weighted_loss", "genet"): 0.40, ("weighted_loss", "aardwolf"): 0.35,
    ("weighted_loss", "rhinoceros"): 0.40,
    ("oversampling", "rhinoceros"): 0.80, ("oversampling", "zorilla"): 0.40,
    ("emphasis", "civet"): 0.40, ("emphasis", "rhinoceros"): 0.40,
}  # fmt: skip

# Section "Transfer Learning": from ImageNet.
TRANSFER_ARCHITECTURES = ("alexnet", "resnet152")
TRANSFER = (
    _column(SPECIES_TOP1, (0.924, 0.930), TRANSFER_ARCHITECTURES)
    | _column(SPECIES_TOP5, (0.988, 0.987), TRANSFER_ARCHITECTURES)
    | _column(COUNT_TOP1, (0.591, 0.624), TRANSFER_ARCHITECTURES)
    | _column(COUNT_NEAR, (0.807, 0.826), TRANSFER_ARCHITECTURES)
)

# Section "Classifying Capture Events": three pictures as nine channels.
NINE_CHANNEL_ARCHITECTURE = "resnet50"
NINE_CHANNEL = {
    (NINE_CHANNEL_ARCHITECTURE, SPECIES_TOP1): 0.908,
    (NINE_CHANNEL_ARCHITECTURE, SPECIES_TOP5): 0.974,
    (NINE_CHANNEL_ARCHITECTURE, COUNT_TOP1): 0.585,
    (NINE_CHANNEL_ARCHITECTURE, COUNT_NEAR): 0.811,
}

# Section "Saving Human Labor".
EMPTY_SHARE = 0.75  # of pictures
HUMAN_SPECIES, HUMAN_COUNT = 0.966, 0.900  # volunteers against experts
AUTOMATED_SPECIES, AUTOMATED_COUNT = 0.993, 0.861
YEARS_FOR_PICTURES = (14.6, 5_500_000)  # 40-hour weeks of volunteers, for that many pictures
PICTURES = 3_200_000
YEARS_SAVED, HOURS_SAVED = 8.4, 17_000
